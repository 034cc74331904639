import { afterAll, beforeAll, expect, test } from "bun:test";
import { Administration, CallFailed } from "../../src/client/administration.ts";
import { Patience } from "../../src/client/patience.ts";
import { parseRetryAfterMs } from "../../src/client/problem.ts";
import { ADMIN_TOKEN, problem, startUrnaPeer, type UrnaPeer } from "./urna-peer.ts";

let peer: UrnaPeer;
beforeAll(() => {
  peer = startUrnaPeer();
});
afterAll(() => peer[Symbol.asyncDispose]());

const failureOf = async (call: Promise<unknown>): Promise<CallFailed> => {
  const error = await call.then(
    () => null,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(CallFailed);
  return error;
};

test("an election from its creation to its result", async () => {
  const urna = new Administration({ url: peer.url, adminToken: ADMIN_TOKEN });
  const { id } = await urna.createElection({ title: "Song" });
  const contest = await urna.createContest(id, {
    title: "Best",
    method: "single-choice",
    options: ["a", "b"],
    allowBlank: false,
  });
  expect((await urna.open(contest.id)).state).toBe("open");
  expect(await urna.mintVoterTokens(id, ["x", "y"])).toHaveLength(2);
  expect((await urna.close(contest.id)).state).toBe("final");
  expect(await urna.results(contest.id)).toMatchObject({ turnout: 0, final: true });
});

test("a refusal says what was asked, what was answered, and what to do", async () => {
  const stranger = new Administration({ url: peer.url, adminToken: "wrong" });
  const error = await failureOf(stranger.createElection({ title: "Song" }));
  expect(error.code).toBe("not_authorized");
  expect(error.message).toBe(
    "POST /v1/elections was refused with 401 not_authorized: " +
      "set --admin-token (URNA_ADMIN_TOKEN) to the server's admin token",
  );
  const missing = await failureOf(stranger.contest("none"));
  expect(missing.message).toContain("404 no_such_contest: the peer says no_such_contest");
});

test("nobody there: says where it looked and how to start one", async () => {
  const nobody = new Administration({ url: "http://127.0.0.1:9", adminToken: null });
  const error = await failureOf(nobody.contest("song"));
  expect(error.message).toContain("http://127.0.0.1:9");
  expect(error.message).toContain("urna dev");
});

test("with patience a call is repeated until it is answered; refusals are not repeated", async () => {
  let requests = 0;
  await using flaky = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => {
      requests++;
      if (requests === 1) return problem(503, "not_ready", { "retry-after": "0" });
      if (requests === 2) return new Response("", { status: 502, headers: { "retry-after": "0" } });
      return requests === 3 ? Response.json({ id: "song" }) : problem(404, "no_such_contest");
    },
  });
  const urna = new Administration({ url: flaky.url.origin, adminToken: null }, new Patience(5_000));
  expect(await urna.contest("song")).toMatchObject({ id: "song" });
  expect((await failureOf(urna.contest("song"))).code).toBe("no_such_contest");
  expect(requests).toBe(4);
});

test("something that is not an Urna is recognised", async () => {
  await using other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("<html>hello") });
  const urna = new Administration({ url: other.url.origin, adminToken: null });
  expect((await failureOf(urna.contest("song"))).message).toContain("is http://127.0.0.1");
});

test("more voters than a call may have never leave this client", async () => {
  const urna = new Administration({ url: peer.url, adminToken: ADMIN_TOKEN });
  await expect(urna.mintVoterTokens("song", new Array(10_001).fill("x"))).rejects.toThrow("10000");
});

test("Retry-After in seconds, as a date, and unreadable", () => {
  expect(parseRetryAfterMs("2", 0)).toBe(2_000);
  expect(parseRetryAfterMs("0.25", 0)).toBe(250);
  expect(parseRetryAfterMs("Thu, 01 Jan 1970 00:00:10 GMT", 4_000)).toBe(6_000);
  expect(parseRetryAfterMs("Thu, 01 Jan 1970 00:00:10 GMT", 60_000)).toBe(0);
  expect(parseRetryAfterMs("soon", 0)).toBeNull();
  expect(parseRetryAfterMs("", 0)).toBeNull();
  expect(parseRetryAfterMs(null, 0)).toBeNull();
});
