/** Results over HTTP: once, and as a stream. */
import type { Contest } from "../election/contest.ts";
import { type AllowedOrigins, preflight, withCors } from "../http/cors.ts";
import { json } from "../http/respond.ts";
import type { Route } from "../http/server.ts";
import type { Feed } from "./feed.ts";

/** `findContest` throws a Problem when there is no such contest, or when it can't know. */
export function resultsRoutes(
  feed: Feed,
  findContest: (id: string) => Promise<Contest>,
  allowedOrigins: AllowedOrigins,
): Route[] {
  const results = "/v1/contests/:contest/results";
  const stream = "/v1/contests/:contest/results/stream";
  const get: Route = {
    method: "GET",
    path: results,
    handle: async (_, { contest = "" }) => json(feed.results(await findContest(contest))),
  };
  const watch: Route = {
    method: "GET",
    path: stream,
    handle: async (request, { contest = "" }) => feed.openStream(await findContest(contest), request),
  };
  return [
    withCors(get, allowedOrigins),
    preflight(results, "GET", allowedOrigins),
    withCors(watch, allowedOrigins),
    preflight(stream, "GET", allowedOrigins),
  ];
}
