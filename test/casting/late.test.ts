/**
 * Voters who come after the close: nobody is told `contest_not_open` while a ballot of theirs may still be recorded, by
 * this gateway or another one. A transaction of the test's holds the lanes up, as a standby that is slow to answer does.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { announceAgain, pause } from "../../src/contests/transitions.ts";
import type { Contest } from "../../src/election/contest.ts";
import { Session } from "../../src/postgres/session.ts";
import { expectProblem, expectReceipt } from "../support/answers.ts";
import { eventually } from "../support/eventually.ts";
import { TEST_SESSION } from "../support/shared-cluster.ts";
import { startTestGateway, type TestGateway } from "../support/test-gateway.ts";

const CLOSES_IN_MS = 1_000;

let gateway: TestGateway;
let other: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({ deadlineMs: 20_000, drainMs: 3_000, lanes: 1 });
  const { databaseUrl, secretsText } = gateway;
  other = await startTestGateway({ databaseUrl, secretsText, deadlineMs: 20_000, drainMs: 3_000 });
});
afterAll(async () => {
  for (const each of [gateway, other]) {
    expect(each.unexpected).toEqual([]);
    await each[Symbol.asyncDispose]();
  }
});

const ballot = () => ({ selections: [1], nonce: randomBytes(16).toString("base64url") });

/** That nothing is answered too early can only be seen by waiting. */
const instant = (atMs: number) => Bun.sleep(atMs - Date.now());

const open = () => Session.openPrimary(gateway.databaseUrl, { ...TEST_SESSION, lockTimeoutMs: 20_000 });

/** Keeps the gateway's lane from recording: whatever it submits first waits for this transaction's end. */
async function holdUp(session: Session, contest: Contest) {
  const token = await gateway.token(contest, "voter-held-up");
  await session.query({ text: "BEGIN" });
  await session.query(
    {
      text: `
        INSERT INTO ballots (contest_id, voter_key, nonce, block_id, index, selections)
        SELECT $1, encode(substring(decode(translate($2, '-_', '+/'), 'base64') FROM 22 FOR 16), 'hex')::uuid,
               gen_random_uuid(), 0, 0, '\\x0001'`,
    },
    [contest.ledgerId, token],
  );
  const heldUp = gateway.cast(contest.id, token, ballot());
  await using observer = await open();
  await eventually("the lane is held up", async () => {
    const waiting = await observer.query({
      text: `
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'urna lane'`,
    });
    return waiting.length === 1;
  });
  return { heldUp };
}

test("a ballot on its way through another gateway: after the close its voter waits, and gets the receipt", async () => {
  const closesAtMs = Date.now() + CLOSES_IN_MS;
  const contest = await gateway.draft({ opensAtMs: closesAtMs - 60_000, closesAtMs });
  await using holding = await open();
  const { heldUp } = await holdUp(holding, contest);
  const [token, given] = [await gateway.token(contest, "voter-in-time"), ballot()];
  const first = gateway.cast(contest.id, token, given);
  await instant(closesAtMs + 1);
  const again = other.cast(contest.id, token, given);
  await instant(Date.now() + 300);
  await holding.query({ text: "ROLLBACK" });
  const receipt = await expectReceipt(await first, 201);
  expect(await expectReceipt(await again, 200)).toEqual(receipt);
  await expectReceipt(await heldUp, 201);
}, 30_000);

test("a ballot on its way through this gateway: while the contest is paused its outcome is called unknown", async () => {
  const contest = await gateway.contest();
  await using holding = await open();
  const { heldUp } = await holdUp(holding, contest);
  const [token, given] = [await gateway.token(contest, "voter-before-the-pause"), ballot()];
  const first = gateway.cast(contest.id, token, given);
  await gateway.administration.change(contest.id, pause);
  await eventually("the gateway knows", () => gateway.ledger.directory.get(contest.id)?.paused);
  await expectProblem(await gateway.cast(contest.id, token, given), "outcome_unknown");
  await expectProblem(await gateway.find(contest.id, token), "outcome_unknown");
  const stranger = await gateway.token(contest, "voter-who-never-cast");
  await expectProblem(await gateway.cast(contest.id, stranger, given), "contest_not_open");
  await holding.query({ text: "ROLLBACK" });
  const receipt = await expectReceipt(await first, 201);
  expect(await expectReceipt(await gateway.cast(contest.id, token, given), 200)).toEqual(receipt);
  await expectReceipt(await heldUp, 201);
}, 30_000);

test("the close moves while a voter waits for the seal: the ballot arrived in time, and is recorded", async () => {
  const closesAtMs = Date.now() + CLOSES_IN_MS;
  const contest = await gateway.draft({ opensAtMs: closesAtMs - 60_000, closesAtMs });
  const token = await gateway.token(contest, "voter-after-the-first-close");
  await instant(closesAtMs + 1);
  const answer = gateway.cast(contest.id, token, ballot());
  await instant(Date.now() + 300);
  await gateway.administration.change(contest.id, announceAgain);
  await expectReceipt(await answer, 201);
});

test("not sealed by the deadline: not recorded, to be asked again", async () => {
  await using slow = await startTestGateway({ deadlineMs: 500, drainMs: 600_000 });
  const closesAtMs = Date.now() + CLOSES_IN_MS;
  const contest = await slow.draft({ opensAtMs: closesAtMs - 60_000, closesAtMs });
  const token = await slow.token(contest, "voter-after-the-close");
  await instant(closesAtMs + 1);
  const told = await expectProblem(await slow.cast(contest.id, token, ballot()), "not_recorded");
  expect(told).toMatch(/being closed/);
});
