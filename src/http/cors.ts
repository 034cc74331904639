/** CORS (Fetch standard) for the calls that other sites' pages may make, for the origins that an election names. */
import type { Route } from "./server.ts";

/** The origins that a contest's election names; empty when the contest is not known. */
export type AllowedOrigins = (contestId: string) => Promise<readonly string[]>;

const PREFLIGHT_SECONDS = 86_400;

/** The route with CORS headers on its answers, refusals too. The path must have a `:contest`. */
export function withCors(route: Route, allowedOrigins: AllowedOrigins): Route {
  return {
    ...route,
    addHeaders: (response, request, parameters) => {
      const origin = request.headers.get("origin");
      return origin === null ? undefined : allow(response.headers, origin, parameters, allowedOrigins);
    },
  };
}

/** Answers the preflights of a path, so that a browser asks once a day. */
export function preflight(path: string, methods: string, allowedOrigins: AllowedOrigins): Route {
  return {
    method: "OPTIONS",
    path,
    handle: async (request, parameters) => {
      const headers = new Headers();
      const origin = request.headers.get("origin");
      if (origin !== null && (await allow(headers, origin, parameters, allowedOrigins))) {
        headers.set("access-control-allow-methods", methods);
        headers.set("access-control-allow-headers", "authorization, content-type, last-event-id");
        headers.set("access-control-max-age", String(PREFLIGHT_SECONDS));
      }
      return new Response(null, { status: 204, headers });
    },
  };
}

async function allow(
  headers: Headers,
  origin: string,
  parameters: Record<string, string>,
  allowedOrigins: AllowedOrigins,
): Promise<boolean> {
  headers.append("vary", "origin");
  const origins = await allowedOrigins(parameters.contest ?? "");
  if (!origins.includes(origin)) return false;
  headers.set("access-control-allow-origin", origin);
  headers.set("access-control-expose-headers", "retry-after");
  return true;
}
