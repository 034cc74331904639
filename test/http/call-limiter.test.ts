/** Limits by caller, behind the real server. */
import { expect, test } from "bun:test";
import { type CallLimit, CallLimiter } from "../../src/http/call-limiter.ts";
import { json } from "../../src/http/respond.ts";
import { serve } from "../../src/http/server.ts";
import { Problem } from "../../src/runtime/problem.ts";
import { expectProblem } from "../support/answers.ts";
import { handClock } from "../support/hand-clock.ts";

const WINDOW_MS = 10_000;

/** Who shows no token is refused; `call` gives the status, and the problem's wait. */
function start(counts: CallLimit["counts"]) {
  const clock = handClock();
  let refused = 0;
  const limiter = new CallLimiter({
    ...{ callsMax: 3, windowMs: WINDOW_MS, shared: null },
    steadyMs: () => clock.nowMs,
    onRefused: () => refused++,
  });
  const server = serve({
    ...{ hostname: "127.0.0.1", port: 0, bodyBytesMax: 1_024, clientAddressHeader: "x-forwarded-for" },
    onUnexpected: (error) => {
      throw error;
    },
    routes: [
      {
        method: "GET",
        path: "/",
        limit: { limiter, counts },
        handle: (request) => {
          if (request.headers.get("authorization") === null) throw new Problem("not_authorized", "no token");
          return json({});
        },
      },
    ],
  });
  const call = (from: string | null, headers: Record<string, string> = {}) =>
    fetch(server.url, { headers: { ...(from === null ? {} : { "x-forwarded-for": from }), ...headers } });
  return {
    clock,
    call,
    refused: () => refused,
    statuses: async (from: string | null, calls: number, headers = {}) => {
      const statuses: number[] = [];
      for (let i = 0; i < calls; i++) statuses.push((await call(from, headers)).status);
      return statuses;
    },
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

const ADA = "203.0.113.1";
const BO = "203.0.113.2";
const TOKEN = { authorization: "Bearer right" };

test("so many calls in a window and no more; another caller's are their own", async () => {
  await using server = start("calls");
  expect(await server.statuses(ADA, 5, TOKEN)).toEqual([200, 200, 200, 429, 429]);
  expect(await server.statuses(BO, 2, TOKEN)).toEqual([200, 200]);
  expect(server.refused()).toBe(2);
  server.clock.nowMs += WINDOW_MS / 2;
  const answer = await server.call(ADA, TOKEN);
  expect(answer.headers.get("retry-after")).toBe("5");
  await expectProblem(answer, "too_many_requests");
  server.clock.nowMs += WINDOW_MS / 2;
  expect(await server.statuses(ADA, 1, TOKEN)).toEqual([200]);
});

test("whoever comes from one's own network without a name is not counted", async () => {
  await using server = start("calls");
  expect(new Set(await server.statuses(null, 20, TOKEN))).toEqual(new Set([200]));
});

test("where wrong tokens are counted, right ones are not, until there were too many wrong ones", async () => {
  await using server = start("wrong_tokens");
  expect(new Set(await server.statuses(ADA, 20, TOKEN))).toEqual(new Set([200]));
  expect(await server.statuses(ADA, 5)).toEqual([401, 401, 401, 429, 429]);
  expect(await server.statuses(ADA, 2, TOKEN)).toEqual([429, 429]);
  expect(await server.statuses(BO, 1, TOKEN)).toEqual([200]);
  server.clock.nowMs += WINDOW_MS;
  expect(await server.statuses(ADA, 1, TOKEN)).toEqual([200]);
});
