import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Administration } from "../../src/client/administration.ts";
import { BallotCaster, readAttempt } from "../../src/client/cast.ts";
import { Patience } from "../../src/client/patience.ts";
import { ADMIN_TOKEN, problem, startUrnaPeer, type UrnaPeer } from "./urna-peer.ts";

let peer: UrnaPeer;
let caster: BallotCaster;
const BALLOT = { contest: "song", token: "alice", selections: [2], nonce: "AAAAAAAAAAAAAAAAAAAAAA" };

beforeEach(async () => {
  peer = startUrnaPeer();
  const urna = new Administration({ url: peer.url, adminToken: ADMIN_TOKEN });
  await urna.createElection({ id: "song", title: "Song" });
  await urna.createContest("song", {
    id: "song",
    title: "Song",
    method: "single-choice",
    options: ["a", "b"],
    allowBlank: true,
  });
  caster = new BallotCaster(peer.url, new Patience(2_000));
});

afterEach(async () => {
  caster.close();
  await peer[Symbol.asyncDispose]();
});

const firstOnly = (response: () => Response) => (request: number) => (request === 1 ? response() : undefined);

describe("final answers", () => {
  test("recorded, and the same receipt for the same ballot", async () => {
    const first = await caster.cast(BALLOT);
    expect(first).toMatchObject({ kind: "recorded", status: 201, receipt: { selections: [2] } });
    const second = await caster.cast(BALLOT);
    expect(second).toEqual({ ...first, status: 200 } as typeof second);
  });

  test("refusals are told with their code and are not repeated", async () => {
    await caster.cast(BALLOT);
    expect(await caster.cast({ ...BALLOT, selections: [1] })).toMatchObject({
      kind: "refused",
      code: "already_voted",
    });
    expect(await caster.cast({ ...BALLOT, selections: [1, 2] })).toMatchObject({
      status: 422,
      code: "invalid_ballot",
    });
    expect(await caster.cast({ ...BALLOT, contest: "other" })).toMatchObject({
      status: 404,
      code: "no_such_contest",
    });
    expect(peer.ballotRequests).toBe(4);
  });
});

describe("accepted ballots", () => {
  beforeEach(async () => {
    const urna = new Administration({ url: peer.url, adminToken: ADMIN_TOKEN });
    await urna.createElection({ id: "finals", title: "Finals", buffering: { partitions: 3 } });
    await urna.createContest("finals", {
      ...{ id: "finals", title: "Finals", method: "single-choice", options: ["a", "b"], allowBlank: true },
    });
  });
  const CAST = { ...BALLOT, contest: "finals" };

  test("are an answer of their own, with the receipt that tells their place", async () => {
    const answer = await caster.cast(CAST);
    const [entry] = peer.contests.get("finals")!.log!.entries;
    expect(answer).toEqual({ kind: "accepted", status: 202, receipt: entry!.receipt });
    expect(await caster.cast(CAST)).toMatchObject({ kind: "accepted", receipt: { offset: 1 } });
  });

  test.each([
    ["no receipt", '{"status":"accepted"}'],
    ["a cut body", '{"status":"accepted","receipt":{"partition":1,"off'],
    ["no JSON", "<html>"],
    ["null", "null"],
    ["no offset", '{"status":"accepted","receipt":{"partition":1}}'],
    ["a place that is none", '{"status":"accepted","receipt":{"partition":1,"offset":-1}}'],
  ])("with %s are not believed: cast again, and unknown when given up", async (_, body) => {
    const malformed = () => new Response(body, { status: 202 });
    peer.lostAnswer = firstOnly(malformed);
    expect(await caster.cast(CAST)).toMatchObject({ kind: "accepted", receipt: { offset: 1 } });
    peer.lostAnswer = malformed;
    const impatient = new BallotCaster(peer.url, new Patience(100));
    expect(await impatient.cast(CAST)).toMatchObject({ kind: "unresolved", outcomeUnknown: true });
  });

  test("after an unknown outcome are final", async () => {
    peer.fault = firstOnly(() => problem(503, "outcome_unknown", { "retry-after": "0" }));
    expect(await caster.cast(CAST)).toMatchObject({ kind: "accepted" });
  });
});

describe("repeated until the answer is final", () => {
  test("after 503 as long as Retry-After says", async () => {
    peer.fault = firstOnly(() => problem(503, "not_recorded", { "retry-after": "0.4" }));
    const startedAtMs = performance.now();
    expect(await caster.cast(BALLOT)).toMatchObject({ kind: "recorded", status: 201 });
    expect(performance.now() - startedAtMs).toBeGreaterThan(390);
  });

  test("after 429 and after a proxy's 502", async () => {
    peer.fault = (request) =>
      request === 1
        ? problem(429, "too_many")
        : request === 2
          ? new Response("<html>", { status: 502 })
          : undefined;
    expect(await caster.cast(BALLOT)).toMatchObject({ kind: "recorded", status: 201 });
    expect(peer.ballotRequests).toBe(3);
  });

  test("a ballot whose answer was lost gets the receipt of its first attempt", async () => {
    peer.lostAnswer = firstOnly(() => problem(503, "outcome_unknown", { "retry-after": "0" }));
    const answer = await caster.cast(BALLOT);
    const [recorded] = [...peer.contests.get("song")!.ballots.values()];
    expect(answer).toEqual({ kind: "recorded", status: 200, receipt: recorded! });
  });

  test("a 201 that was cut in its body is not believed", async () => {
    peer.lostAnswer = firstOnly(() => new Response('{"status":"recorded","receip', { status: 201 }));
    expect(await caster.cast(BALLOT)).toMatchObject({ kind: "recorded", status: 200 });
  });

  test("through a server that goes away and comes back", async () => {
    const port = Number(new URL(peer.url).port);
    const { contests } = peer;
    await caster.cast(BALLOT);
    await peer[Symbol.asyncDispose]();
    const answer = caster.cast({ ...BALLOT, token: "bob" });
    await new Promise((resolve) => setTimeout(resolve, 300));
    peer = startUrnaPeer(port);
    peer.contests.set("song", contests.get("song")!);
    expect(await answer).toMatchObject({ kind: "recorded", status: 201 });
  });
});

describe("given up", () => {
  const impatient = (url: string) => new BallotCaster(url, new Patience(300));

  test("knowing that nothing was recorded", async () => {
    peer.fault = () => problem(503, "not_recorded");
    expect(await impatient(peer.url).cast(BALLOT)).toMatchObject({
      kind: "unresolved",
      outcomeUnknown: false,
    });
    expect(peer.ballotRequests).toBeGreaterThan(1);
  });

  test("an outcome that was unknown once stays unknown, whatever comes after it", async () => {
    peer.fault = (request) => problem(503, request === 1 ? "outcome_unknown" : "not_recorded");
    expect(await impatient(peer.url).cast(BALLOT)).toMatchObject({
      kind: "unresolved",
      outcomeUnknown: true,
    });
  });

  test("a refusal that does not speak of the attempts before it is no answer to them; 409 is", async () => {
    peer.fault = (request) =>
      request === 1 ? problem(503, "outcome_unknown") : problem(401, "invalid_token");
    expect(await caster.cast(BALLOT)).toMatchObject({ kind: "unresolved", outcomeUnknown: true });
    peer.ballotRequests = 0;
    peer.fault = (request) => (request === 1 ? problem(503, "x") : problem(409, "contest_not_open"));
    expect(await caster.cast(BALLOT)).toMatchObject({ kind: "refused", code: "contest_not_open" });
  });

  test("at once when stopped", async () => {
    const stop = new AbortController();
    peer.fault = () => problem(503, "not_recorded", { "retry-after": "5" });
    const answer = new BallotCaster(peer.url, new Patience(60_000, stop.signal)).cast(BALLOT);
    setTimeout(() => stop.abort(), 100);
    const startedAtMs = performance.now();
    expect(await answer).toMatchObject({ kind: "unresolved" });
    expect(performance.now() - startedAtMs).toBeLessThan(2_000);
  });
});

test("only the contract's own not_recorded promises that nothing was recorded", () => {
  const attempt = (status: number, body: string) =>
    readAttempt({ status, body: Buffer.from(body), retryAfter: null });
  expect(attempt(503, '{"code":"not_recorded"}')).toMatchObject({ kind: "retry", outcomeUnknown: false });
  expect(attempt(429, "")).toMatchObject({ kind: "retry", outcomeUnknown: false });
  for (const body of ['{"code":"outcome_unknown"}', "<html>503", "", "null"]) {
    expect(attempt(503, body)).toMatchObject({ kind: "retry", outcomeUnknown: true });
  }
  expect(attempt(504, '{"code":"not_recorded"}')).toMatchObject({ kind: "retry", outcomeUnknown: true });
});
