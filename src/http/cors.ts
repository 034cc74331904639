/** CORS (Fetch standard) for the calls that other sites' pages may make, for the origins that an election names. */
import { Problem } from "../runtime/problem.ts";
import { problem } from "./respond.ts";
import type { Handler, Route } from "./server.ts";

/** The origins that a contest's election names; empty when the contest is not known. */
export type AllowedOrigins = (contestId: string) => Promise<readonly string[]>;

const PREFLIGHT_SECONDS = 86_400;

/** The route with CORS headers on its answers, refusals too. The path must have a `:contest`. */
export function withCors(route: Route, allowedOrigins: AllowedOrigins): Route {
  const handle: Handler = (request, parameters) => {
    const origin = request.headers.get("origin");
    if (origin === null) return route.handle(request, parameters);
    return handleFor(route.handle, origin, request, parameters);
  };
  const handleFor = async (inner: Handler, origin: string, ...asked: Parameters<Handler>) => {
    const response = await answerOf(inner, ...asked);
    await allow(response.headers, origin, asked[1], allowedOrigins);
    return response;
  };
  return { ...route, handle };
}

/** A refusal is an answer too, which the page may read. */
async function answerOf(handle: Handler, ...asked: Parameters<Handler>): Promise<Response> {
  try {
    return await handle(...asked);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return problem(error.code, error.message);
  }
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
