/**
 * The gateway while PostgreSQL is down, on a cluster of the test's own: nothing is acknowledged that is not on the
 * standby, every answer comes in bounded time, and it recovers by itself. What was acknowledged is recorded, once.
 */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Contest } from "../../src/election/contest.ts";
import type { Receipt } from "../../src/election/receipt.ts";
import { type EmbeddedCluster, startEmbeddedCluster } from "../../src/embedded/cluster.ts";
import { processesIn } from "../../src/embedded/processes.ts";
import { Session } from "../../src/postgres/session.ts";
import { createLog } from "../../src/runtime/log.ts";
import { expectProblem } from "../support/answers.ts";
import { eventually } from "../support/eventually.ts";
import { databaseOn, TEST_SESSION } from "../support/shared-cluster.ts";
import { startTestGateway, type TestGateway } from "../support/test-gateway.ts";

const DEADLINE_MS = 1_500;
/** The lanes look at their deadlines ten times a second; the rest is for a busy machine. */
const ANSWER_MS_MAX = DEADLINE_MS + 1_000;

/** Outside casting a transaction has 4 s, and connecting before it 2. */
const LEDGER_MS_MAX = 7_000;

const folder = mkdtempSync(join(tmpdir(), "urna-outage-"));
let cluster: EmbeddedCluster;
let gateway: TestGateway;
let contest: Contest;
beforeAll(async () => {
  chmodSync(folder, 0o755); // PostgreSQL may run as another user.
  const log = createLog("text", "silent");
  cluster = await startEmbeddedCluster({ folder: join(folder, "data"), log });
  const databaseUrl = await databaseOn(cluster);
  gateway = await startTestGateway({ databaseUrl, deadlineMs: DEADLINE_MS, logLevel: "silent" });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  contest = await eventually("the cluster is whole", () => gateway.contest());
});

type Voter = { token: string; ballot: { selections: number[]; nonce: string } };
type Answer = { status: number; code?: string; receipt?: Receipt; tookMs: number };

async function voters(name: string, count: number): Promise<Voter[]> {
  const ids = Array.from({ length: count }, (_, i) => `${name} ${i}`);
  const tokens = await gateway.administration.mintVoterTokens(contest.electionId, ids, Date.now() + 600_000);
  return tokens.map((token, i) => ({
    token,
    ballot: { selections: [1 + (i % 3)], nonce: randomBytes(16).toString("base64url") },
  }));
}

async function cast({ token, ballot }: Voter): Promise<Answer> {
  const startedMs = performance.now();
  const response = await gateway.cast(contest.id, token, ballot);
  const body = (await response.json()) as { code?: string; receipt?: Receipt };
  const tookMs = performance.now() - startedMs;
  if (response.status === 503) expect(response.headers.get("retry-after")).toMatch(/^[1-9]$/);
  return { status: response.status, ...body, tookMs };
}

/** The same ballot until the answer is final, as a voter's page does. */
async function castUntilFinal(voter: Voter, answers: Answer[]): Promise<Receipt> {
  return eventually(
    "a final answer",
    async () => {
      const answer = await cast(voter);
      answers.push(answer);
      return answer.receipt;
    },
    20_000,
  ) as Promise<Receipt>;
}

/** Every voter has one row, and it is what the receipt says. */
async function expectRecordedOnce(receipts: readonly Receipt[]): Promise<void> {
  await using session = await Session.openPrimary(gateway.databaseUrl, TEST_SESSION);
  const rows = await session.query<{ place: string; voters: number }>(
    {
      text: `
        SELECT (block_id >> 32) || '/' || (block_id & 4294967295) || '/' || index || '/' || nonce AS place,
               count(*) OVER (PARTITION BY voter_key) AS voters
        FROM ballots WHERE contest_id = $1`,
    },
    [contest.ledgerId],
  );
  const placeOf = ({ stream, seq, index, nonce }: Receipt) =>
    `${stream}/${seq}/${index}/${Buffer.from(nonce, "base64url").toString("hex")}`;
  expect(rows.map(({ place }) => place.replaceAll("-", "")).sort()).toEqual(receipts.map(placeOf).sort());
  expect(rows.every(({ voters }) => voters === 1)).toBe(true);
}

function signal(node: "primary" | "standby", name: "SIGSTOP" | "SIGCONT"): void {
  for (const pid of processesIn(cluster.nodes[node].dataFolder)) process.kill(pid, name);
}

async function frozen(node: "primary" | "standby", work: () => Promise<void>): Promise<void> {
  signal(node, "SIGSTOP");
  try {
    await work();
  } finally {
    signal(node, "SIGCONT");
  }
}

test("the standby is frozen: no acknowledgement, 503 in bounded time; thawed, the same ballots are recorded", async () => {
  // Its pause is answered not_available, and may take effect all the same.
  const other = await gateway.contest();
  const before = await voters("before", 3);
  const receipts = await Promise.all(before.map((voter) => castUntilFinal(voter, [])));
  const during = await voters("during", 30);
  const answers: Answer[] = [];
  await frozen("standby", async () => {
    answers.push(...(await Promise.all([...during, ...during].map(cast))));
    // Also those who are recorded: the row that says so could be on the primary alone.
    answers.push(...(await Promise.all(before.map(cast))));
    const startedMs = performance.now();
    const administering = administerInVain(other);
    await expectProblem(await gateway.find(contest.id, before[0]!.token), "not_recorded");
    expect(performance.now() - startedMs).toBeLessThan(ANSWER_MS_MAX);
    await administering;
  });
  for (const { status, code, tookMs } of answers) {
    expect([status, code]).toEqual([503, expect.stringMatching(/^(not_recorded|outcome_unknown)$/)]);
    expect(tookMs).toBeLessThan(ANSWER_MS_MAX);
  }
  expect(answers.some(({ code }) => code === "outcome_unknown")).toBe(true);
  const after = await Promise.all(during.map((voter) => castUntilFinal(voter, [])));
  for (const [i, receipt] of after.entries()) expect(receipt).toMatchObject(during[i]!.ballot);
  await expectRecordedOnce([...receipts, ...after]);
  expect((await gateway.administer("/v1/elections", ELECTION)).status).toBe(201);
});

const ELECTION = { id: "while-frozen", title: "An election" };

/** Administration says not_available, in bounded time too; definitions are no acknowledgement, and are shown. */
async function administerInVain(other: Contest): Promise<void> {
  const startedMs = performance.now();
  const answers = await Promise.all([
    gateway.administer("/v1/elections", ELECTION),
    gateway.administer(`/v1/contests/${other.id}/pause`, {}),
  ]);
  for (const answer of answers) await expectProblem(answer, "not_available");
  expect(performance.now() - startedMs).toBeLessThan(LEDGER_MS_MAX);
  expect((await fetch(`${gateway.url}/v1/contests/${contest.id}`)).status).toBe(200);
}

test("the primary's postmaster is killed under load: 503 meanwhile, recovery by itself, nothing acknowledged is lost", async () => {
  const crowd = await voters("crowd", 1_500);
  const answers: Answer[] = [];
  const receipts: Receipt[] = [];
  const isRefused = () => answers.some(({ status }) => status === 503);
  const worker = async (own: Voter[]) => {
    for (const voter of own) receipts.push(await castUntilFinal(voter, answers));
  };
  const working = Array.from({ length: 50 }, (_, i) => worker(crowd.slice(i * 30, (i + 1) * 30)));
  await eventually("ballots are recorded", () => receipts.length > 300);
  // As often as it comes back within the deadline, which it mostly does the first time.
  while (!isRefused()) {
    const { pid } = cluster.nodes.primary;
    if (pid !== undefined) process.kill(pid, "SIGKILL");
    await eventually(
      "another postmaster, or a refusal",
      () => cluster.nodes.primary.pid !== pid || isRefused(),
    );
  }
  await Promise.all(working);
  const refusals = answers.filter(({ status }) => status === 503);
  for (const { code } of refusals) expect(code).toMatch(/^(not_recorded|outcome_unknown)$/);
  for (const { tookMs } of answers) expect(tookMs).toBeLessThan(ANSWER_MS_MAX);
  await expectRecordedOnce(receipts);
});

test("the primary is frozen: everything is answered in bounded time, and works again after", async () => {
  const [recorded, other] = await voters("frozen", 2);
  const receipt = await castUntilFinal(recorded!, []);
  await frozen("primary", async () => {
    // Past what the gateway may go on believing of the contest, so that it has to ask.
    await eventually("it is forgotten", () => gateway.ledger.directory.get(contest.id) === undefined);
    const answers = await Promise.all([recorded!, other!].map(cast));
    for (const { status, code, tookMs } of answers) {
      expect([status, code]).toEqual([503, "not_recorded"]);
      expect(tookMs).toBeLessThan(ANSWER_MS_MAX);
    }
    const origin = "https://show.example";
    const readable = await fetch(`${gateway.url}/v1/contests/${contest.id}/ballots`, {
      method: "POST",
      headers: { origin, authorization: `Bearer ${other!.token}`, "content-type": "application/json" },
      body: JSON.stringify(other!.ballot),
    });
    expect(readable.headers.get("access-control-allow-origin")).toBe(origin);
    await expectProblem(readable, "not_recorded");
    const startedMs = performance.now();
    await expectProblem(await fetch(`${gateway.url}/v1/contests/${contest.id}`), "not_available");
    expect(performance.now() - startedMs).toBeLessThan(LEDGER_MS_MAX);
  });
  expect(await castUntilFinal(recorded!, [])).toEqual(receipt);
  await expectRecordedOnce([receipt, await castUntilFinal(other!, [])]);
});
