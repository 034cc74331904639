/** Casting against the state of the contest: what a gateway knew a moment ago refuses nobody, the close nobody too late. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { close, declareVoid, open, pause, resume } from "../../src/contests/transitions.ts";
import type { Contest } from "../../src/election/contest.ts";
import { expectProblem, expectReceipt } from "../support/answers.ts";
import { eventually } from "../support/eventually.ts";
import { postHead, RawConnection } from "../support/raw-http.ts";
import { startTestGateway, type TestGateway } from "../support/test-gateway.ts";

let gateway: TestGateway;
let contest: Contest;
beforeAll(async () => {
  gateway = await startTestGateway({ deadlineMs: 3_000, drainMs: 500 });
  contest = await gateway.contest();
});
afterAll(async () => {
  expect(gateway.unexpected).toEqual([]);
  await gateway[Symbol.asyncDispose]();
});

const ballot = { selections: [1] };
const refused = async (of: Contest, reason: RegExp) => {
  const token = await gateway.token(of, `voter of ${of.id} ${Math.random()}`);
  expect(await expectProblem(await gateway.cast(of.id, token, ballot), "contest_not_open")).toMatch(reason);
  await expectProblem(await gateway.find(of.id, token), "no_such_ballot");
};

test.concurrent("draft, then opened: taken at once, whatever the gateway knew", async () => {
  const draft = await gateway.draft();
  await refused(draft, /not open yet/);
  await gateway.administration.change(draft.id, open);
  const token = await gateway.token(draft, "voter-1");
  await expectReceipt(await gateway.cast(draft.id, token, ballot), 201);
});

test.concurrent("unknown, then created and opened: taken at once", async () => {
  const token = await gateway.token(contest, "voter-early");
  await expectProblem(await gateway.cast("made-in-a-moment", token, ballot), "no_such_contest");
  await gateway.administration.createContest(contest.electionId, {
    id: "made-in-a-moment",
    title: "Late",
    method: "single-choice",
    options: ["Yes"],
    allowBlank: false,
    resultsVisible: "live",
    opensAtMs: Date.now(),
    closesAtMs: null,
  });
  await expectReceipt(await gateway.cast("made-in-a-moment", token, ballot), 201);
});

test.concurrent("scheduled: it opens by itself, and not before", async () => {
  const opensAtMs = Date.now() + 1_500;
  const scheduled = await gateway.draft({ opensAtMs });
  await refused(scheduled, new RegExp(`opens at ${new Date(opensAtMs).toISOString()}`));
  const token = await gateway.token(scheduled, "voter-1");
  const answer = await eventually("it takes ballots", async () => {
    const response = await gateway.cast(scheduled.id, token, ballot);
    return response.status === 201 ? response : null;
  });
  const { recordedAt } = await expectReceipt(answer!, 201);
  expect(Date.parse(recordedAt)).toBeWithin(opensAtMs, opensAtMs + 500);
});

test.concurrent("paused, then resumed: taken at once; whoever is recorded gets the receipt meanwhile", async () => {
  const paused = await gateway.contest();
  const token = await gateway.token(paused, "voter-before");
  const receipt = await expectReceipt(await gateway.cast(paused.id, token, ballot), 201);
  await gateway.administration.change(paused.id, pause);
  await eventually("the gateway knows", () => gateway.ledger.directory.get(paused.id)?.paused);
  await refused(paused, /paused/);
  expect(await expectReceipt(await gateway.cast(paused.id, token, ballot), 200)).toEqual(receipt);
  await gateway.administration.change(paused.id, resume);
  await expectReceipt(await gateway.cast(paused.id, await gateway.token(paused, "voter-after"), ballot), 201);
});

test.concurrent("closed, then final: recorded voters get 200 or already_voted, others contest_not_open", async () => {
  const ended = await gateway.contest();
  const token = await gateway.token(ended, "voter-in-time");
  const receipt = await expectReceipt(await gateway.cast(ended.id, token, ballot), 201);
  const { closesAtMs } = await gateway.administration.change(ended.id, close);
  await Bun.sleep(closesAtMs! - Date.now() + 1);
  const answersStay = async () => {
    await refused(ended, /closed/);
    expect(await expectReceipt(await gateway.cast(ended.id, token, ballot), 200)).toEqual(receipt);
    expect(await expectReceipt(await gateway.find(ended.id, token), 200)).toEqual(receipt);
    await expectProblem(await gateway.cast(ended.id, token, { selections: [2] }), "already_voted");
  };
  await answersStay();
  await gateway.untilFinal(ended);
  await answersStay();
});

test.concurrent("void: the reason is told, and recorded voters keep their receipts", async () => {
  const voided = await gateway.contest();
  const token = await gateway.token(voided, "voter-in-vain");
  const receipt = await expectReceipt(await gateway.cast(voided.id, token, ballot), 201);
  await gateway.administration.change(voided.id, (found, clock) =>
    declareVoid(found, "a wrong option", clock),
  );
  await eventually("the gateway knows", () => gateway.ledger.directory.get(voided.id)?.voided);
  await refused(voided, /void: a wrong option/);
  expect(await expectReceipt(await gateway.cast(voided.id, token, ballot), 200)).toEqual(receipt);
});

test.concurrent("extended meanwhile: what the gateway knew of the old close refuses nobody", async () => {
  const closesAtMs = Date.now() + 1_500;
  const extended = await gateway.draft({ opensAtMs: Date.now() - 1_000, closesAtMs });
  const token = await gateway.token(extended, "voter-after-the-old-close");
  await Bun.sleep(closesAtMs - 200 - Date.now());
  await fetch(`${gateway.url}/v1/contests/${extended.id}`);
  const later = new Date(closesAtMs + 60_000).toISOString();
  const answer = await gateway.administer(`/v1/contests/${extended.id}/extend`, { closesAt: later });
  expect(answer.status).toBe(200);
  await Bun.sleep(closesAtMs + 1 - Date.now());
  await expectReceipt(await gateway.cast(extended.id, token, ballot), 201);
});

test.concurrent("closed while the body was on its way: arrival is when it was whole", async () => {
  const slow = await gateway.contest();
  const token = await gateway.token(slow, "voter-of-a-slow-body");
  const body = JSON.stringify(ballot);
  using connection = await RawConnection.open(gateway.url);
  connection.send(
    postHead(`/v1/contests/${slow.id}/ballots`, {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      "content-length": body.length,
    }) + body.slice(0, 5),
  );
  const { closesAtMs } = await gateway.administration.change(slow.id, close);
  await Bun.sleep(closesAtMs! - Date.now() + 1);
  connection.send(body.slice(5));
  const { status, body: text } = await connection.answer();
  expect([status, JSON.parse(text).code]).toEqual([409, "contest_not_open"]);
});
