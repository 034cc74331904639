/** One address in front of the roles, as docs/operations/running.md says which path goes where. */
import type { Server } from "bun";

export type Backends = { admin: string; results: string; gateways: readonly string[] };

const ADMINISTRATION = /^\/v1\/(elections|contests\/[^/]+\/(open|close|pause|resume|extend|void)$)/;
const RESULTS = /^\/(v1\/contests\/[^/]+\/results|v1\/receipts\/verify|c\/|$)/;

/** Repeats nothing: where a role does not answer, its caller gets a 502, which says nothing about the ballot. */
export function startFront({ admin, results, gateways }: Backends): Server<undefined> {
  let turn = 0;
  const backendOf = (path: string): string => {
    if (ADMINISTRATION.test(path)) return admin;
    return RESULTS.test(path) ? results : gateways[turn++ % gateways.length]!;
  };
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 60,
    fetch: async (request) => {
      const { pathname, search } = new URL(request.url);
      const { method, headers } = request;
      const body = method === "GET" ? {} : { body: await request.arrayBuffer() };
      try {
        const answer = await fetch(`${backendOf(pathname)}${pathname}${search}`, {
          method,
          headers,
          ...body,
        });
        return new Response(await answer.arrayBuffer(), { status: answer.status, headers: answer.headers });
      } catch {
        return new Response("no answer", { status: 502 });
      }
    },
  });
}
