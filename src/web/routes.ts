/** The pages over HTTP. */
import type { Handler, Route } from "../http/server.ts";
import type { Page, Pages } from "./bundle.ts";

export function pageRoutes(pages: Pages): Route[] {
  return [
    { method: "GET", path: "/", handle: pageHandler(pages.start) },
    { method: "GET", path: "/c/:contest", handle: pageHandler(pages.vote) },
    { method: "GET", path: "/c/:contest/live", handle: pageHandler(pages.live) },
  ];
}

function pageHandler({ html, gzip, etag, contentSecurityPolicy }: Page): Handler {
  const headers = {
    "content-type": "text/html; charset=utf-8",
    // Asked for again each time, and answered with 304: a new version must not meet an old page.
    "cache-control": "no-cache",
    etag,
    vary: "accept-encoding",
    "content-security-policy": contentSecurityPolicy,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
  };
  return (request) => {
    if (request.headers.get("if-none-match") === etag) return new Response(null, { status: 304, headers });
    const acceptsGzip = /\bgzip\b/.test(request.headers.get("accept-encoding") ?? "");
    if (!acceptsGzip) return new Response(html, { headers });
    return new Response(gzip, { headers: { ...headers, "content-encoding": "gzip" } });
  };
}
