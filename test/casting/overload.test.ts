/** More ballots than the ledger records: refused at once, before anything is looked at, and only as long as it lasts. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Contest } from "../../src/election/contest.ts";
import { Session } from "../../src/postgres/session.ts";
import { expectProblem, expectProblemText, expectReceipt } from "../support/answers.ts";
import { eventually } from "../support/eventually.ts";
import { postHead, RawConnection } from "../support/raw-http.ts";
import { TEST_SESSION } from "../support/shared-cluster.ts";
import { startTestGateway, type TestGateway } from "../support/test-gateway.ts";

const BATCH_BALLOTS_MAX = 3;
/** Above any test's time-out: whoever is not refused at once is not answered here at all. */
const DEADLINE_MS = 600_000;
const FULL_TIMEOUT_MS = 10_000;
const BALLOT = '{"selections":[1]}';

let gateway: TestGateway;
let contest: Contest;
beforeAll(async () => {
  gateway = await startTestGateway({
    lanes: 2,
    batchBallotsMax: BATCH_BALLOTS_MAX,
    deadlineMs: DEADLINE_MS,
    logLevel: "silent",
  });
  contest = await gateway.contest();
});
afterAll(() => gateway[Symbol.asyncDispose]());

const path = () => `/v1/contests/${contest.id}/ballots`;

/** Runs `work` while nothing can be recorded and every lane is full; returns what those were told who had been taken. */
async function whileFull(name: string, work: () => Promise<void>): Promise<Response[]> {
  await using blocker = await Session.openPrimary(gateway.databaseUrl, TEST_SESSION);
  await blocker.command("BEGIN");
  await blocker.command("LOCK TABLE blocks IN ACCESS EXCLUSIVE MODE");
  const taken: Promise<Response>[] = [];
  let voters = 0;
  const isFull = async () => {
    const token = await gateway.token(contest, `${name} ${++voters}`);
    const casting = gateway.cast(contest.id, token, { selections: [1] });
    // Those that one lane refuses while the other one has room are answered at once, too.
    const answer = await Promise.race([casting, Bun.sleep(100)]);
    if (answer === undefined) taken.push(casting);
    return (await gateway.cast(contest.id, "no token", {})).status === 503;
  };
  await eventually("every lane is full", isFull, FULL_TIMEOUT_MS);
  expect(taken.length).toBeGreaterThanOrEqual(2 * BATCH_BALLOTS_MAX);
  await work();
  await blocker.command("ROLLBACK");
  return Promise.all(taken);
}

test("while every lane is full a ballot is refused at once, unread; those that wait are recorded", async () => {
  const token = await gateway.token(contest, "refused");
  const answers = await whileFull("waits", async () => {
    await expectProblem(await gateway.cast(contest.id, token, { selections: [1] }), "not_recorded");
    const origin = "https://show.example";
    const headers = { origin, authorization: `Bearer ${token}`, "content-type": "application/json" };
    const readable = await fetch(gateway.url + path(), { method: "POST", headers, body: BALLOT });
    expect(readable.headers.get("access-control-expose-headers")).toBe("retry-after");
    await expectProblem(readable, "not_recorded");
  });
  for (const answer of answers) await expectReceipt(answer, 201);
  await expectReceipt(await gateway.cast(contest.id, token, { selections: [1] }), 201);
});

test("a refusal does not wait for the body, and what is left of it is not taken for the next request", async () => {
  const token = await gateway.token(contest, "kept connection");
  const head = postHead(path(), {
    "content-type": "application/json",
    "content-length": BALLOT.length,
    authorization: `Bearer ${token}`,
  });
  using connection = await RawConnection.open(gateway.url);
  await whileFull("waits too", async () => {
    connection.send(head);
    const refusal = await connection.answer();
    expectProblemText(refusal, refusal.body, "not_recorded");
    connection.send(BALLOT);
    connection.send(head + BALLOT);
    expect((await connection.answer()).status).toBe(503);
  });
  connection.send(head + BALLOT);
  expect((await connection.answer()).status).toBe(201);
});

test("a gateway takes as many as it is rated for, and refuses more at once", async () => {
  await using rated = await startTestGateway({ ballotsPerSecondMax: 1, deadlineMs: DEADLINE_MS });
  const open = await rated.contest();
  const tokens = await Promise.all(Array.from({ length: 50 }, (_, i) => rated.token(open, `voter ${i}`)));
  const cast = (token: string) => rated.cast(open.id, token, { selections: [1] });
  const answers = await Promise.all(tokens.map(cast));
  const refused = answers.filter(({ status }) => status === 503);
  // One a second, and they are all there within seconds.
  expect(answers.filter(({ status }) => status === 201).length).toBe(50 - refused.length);
  expect(refused.length).toBeGreaterThan(25);
  expect(Number(refused[0]!.headers.get("retry-after"))).toBeGreaterThan(0);
  for (const refusal of refused) await expectProblem(refusal, "not_recorded");
  const last = tokens[answers.indexOf(refused[0]!)]!;
  await eventually("there is room again", async () => (await cast(last)).status === 201, 10_000);
});

test("what is no ballot uses up nothing of what a gateway is rated for", async () => {
  await using rated = await startTestGateway({ ballotsPerSecondMax: 1, deadlineMs: DEADLINE_MS });
  const open = await rated.contest();
  const token = await rated.token(open, "voter");
  for (let i = 0; i < 20; i++) {
    await expectProblem(await rated.cast(open.id, "no token", { selections: [1] }), "invalid_token");
    await expectProblem(await rated.cast(open.id, token, { selections: [9] }), "invalid_ballot");
    await expectProblem(await rated.cast("none", token, { selections: [1] }), "no_such_contest");
  }
  await expectReceipt(await rated.cast(open.id, token, { selections: [1] }), 201);
});

test("where the processor is the limit no more are under way than may be, whatever room the lanes have", async () => {
  const bounds = { unreadMsMax: -1, windowMs: 1, underWayMin: 1, crowdBallots: 0, calmMs: 0 };
  await using busy = await startTestGateway({ intake: bounds, deadlineMs: DEADLINE_MS, logLevel: "silent" });
  const open = await busy.contest();
  const cast = async (voter: string) =>
    busy.cast(open.id, await busy.token(open, voter), { selections: [1] });
  await using blocker = await Session.openPrimary(busy.databaseUrl, TEST_SESSION);
  await blocker.command("BEGIN");
  await blocker.command("LOCK TABLE blocks IN ACCESS EXCLUSIVE MODE");
  const taken = cast("first");
  const waits = "SELECT FROM pg_locks WHERE relation = 'blocks'::regclass AND NOT granted";
  const isUnderWay = async () => (await blocker.query({ text: waits })).length > 0;
  await eventually("it is under way", isUnderWay, FULL_TIMEOUT_MS);
  const refusal = await cast("second");
  expect(Number(refusal.headers.get("retry-after"))).toBeGreaterThan(0);
  await expectProblem(refusal, "not_recorded");
  await blocker.command("ROLLBACK");
  await expectReceipt(await taken, 201);
  await expectReceipt(await cast("second"), 201);
});
