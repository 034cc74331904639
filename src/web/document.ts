/** One page as one html document, with everything inlined, and the policy that allows just that and nothing else. */
import { hash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { LOGO_BALLOT, LOGO_URN, LOGO_VIEW_BOX } from "./logo-shape.ts";

export type Page = {
  html: string;
  gzip: Uint8Array<ArrayBuffer>;
  /** A strong validator (RFC 9110, section 8.8.3), quotes included. */
  etag: string;
  contentSecurityPolicy: string;
};

export type PageParts = { title: string; css: string; script: string };

const favicon = `data:image/svg+xml,${encodeURIComponent(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${LOGO_VIEW_BOX}" fill="#16706a"><path d="${LOGO_BALLOT}" fill="#d98b4a"/><path d="${LOGO_URN}"/></svg>`,
)}`;

export function makePage({ title, css, script }: PageParts): Page {
  // Nothing in a script may end the element that it is inlined in.
  const safeScript = script.replaceAll("</script", "<\\/script").trim();
  const safeCss = css.trim();
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<link rel="icon" href="${favicon}">
<style>${safeCss}</style>
</head>
<body>
<div id="page"></div>
<noscript>This page needs JavaScript: it keeps your ballot safe until it is recorded.</noscript>
<script type="module">${safeScript}</script>
</body>
</html>
`;
  return {
    html,
    gzip: gzipSync(html, { level: 9 }),
    etag: `"${sha256(html).slice(0, 22)}"`,
    contentSecurityPolicy: policy(safeCss, safeScript),
  };
}

function policy(css: string, script: string): string {
  return [
    "default-src 'none'",
    `script-src 'sha256-${sha256(script)}'`,
    `style-src 'sha256-${sha256(css)}'`,
    "img-src data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

function sha256(text: string): string {
  return hash("sha256", text, "base64");
}
