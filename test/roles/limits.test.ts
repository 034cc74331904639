/** Which calls are limited by address, and which are not. */
import { expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { OPERATIONS } from "../../src/contract/operations.ts";
import { serve } from "../../src/http/server.ts";
import { limitOf, openLimits } from "../../src/roles/limits.ts";
import { createMetrics } from "../../src/runtime/metrics.ts";
import { Problem } from "../../src/runtime/problem.ts";
import { connectTo } from "../redis/support.ts";
import { sharedRedis } from "../support/redis/shared.ts";

test("every call of the contract is limited, but for the voting path's and those that are no public's", () => {
  const unlimited = OPERATIONS.map(({ method, path }) => ({
    method: method.toUpperCase() as "GET" | "POST",
    path: path.replaceAll(/\{(\w+)\}/g, ":$1"),
  })).filter((route) => limitOf(route) === null);
  expect(unlimited.map(({ method, path }) => `${method} ${path}`)).toEqual([
    "POST /v1/contests/:contest/ballots",
    "GET /v1/contests/:contest/ballot",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "GET /openapi.json",
  ]);
});

test("calls that are limited say so in the contract, and administration by its wrong tokens", () => {
  for (const { method, path, token, problems } of OPERATIONS) {
    const limit = limitOf({
      method: method.toUpperCase() as "GET" | "POST",
      path: path.replaceAll(/\{(\w+)\}/g, ":$1"),
    });
    if (limit !== null) expect(problems).toContain("too_many_requests");
    expect(limit === "administration").toBe(token === "admin");
  }
});

/** A process with a route of that path, which wants a token, and its own connection to Redis. */
async function start(owner: string, path: string) {
  await using opened = new AsyncDisposableStack();
  const connection = opened.use(await connectTo(await sharedRedis()));
  const metrics = createMetrics();
  const limit = openLimits({ connection, connect: () => connection, owner }, metrics);
  const handle = () => {
    throw new Problem("not_authorized", "no token");
  };
  const server = serve({
    ...{ hostname: "127.0.0.1", port: 0, bodyBytesMax: 1_024, clientAddressHeader: "x-forwarded-for" },
    routes: [limit({ method: "POST", path, handle })],
    onUnexpected: () => undefined,
  });
  opened.defer(() => server.stop());
  const moved = opened.move();
  const call = async (caller: string) =>
    (await fetch(`${server.url}${path}`, { method: "POST", headers: { "x-forwarded-for": caller } })).status;
  return { call, metrics, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}

test("processes that share a Redis refuse an address together, count that, and no other one's voters", async () => {
  const owner = randomUUID();
  await using one = await start(owner, "/v1/elections");
  await using other = await start(owner, "/v1/elections");
  const statuses: number[] = [];
  for (let i = 0; i < 40; i++) statuses.push(await [one, other][i % 2]!.call("203.0.113.1"));
  expect(statuses.slice(0, 30)).toEqual(new Array(30).fill(401));
  // The bound is found out by a call more, in each of them.
  expect(statuses.slice(34)).toEqual(new Array(6).fill(429));
  expect(await one.call("203.0.113.2")).toBe(401);
  expect(await one.metrics.registry.metrics()).toMatch(
    /^urna_calls_limited_total\{limit="administration"\} \d/m,
  );
});

test("casting is not limited by address", async () => {
  await using process = await start(randomUUID(), "/v1/contests/board/ballots");
  for (let i = 0; i < 100; i++) expect(await process.call("203.0.113.1")).toBe(401);
});
