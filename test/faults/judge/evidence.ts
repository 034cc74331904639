/** What the judge is shown: the ledger's rows by SQL of its own, the results, the recount, every receipt again. */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { AcceptedReceipt, Receipt } from "../../../src/election/receipt.ts";
import { eventually } from "../../support/eventually.ts";
import { finished, startUrna } from "../../support/urna-process.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { Ledger } from "../cluster/ledger.ts";
import type { Client } from "../cluster/statements.ts";
import { attemptsOf } from "./history.ts";
import type { Entry } from "./journal.ts";
import type { FateCheck, FinalBallot, ReceiptCheck, Votes } from "./judge.ts";

export type JudgedContest = {
  id: string;
  uuid: string;
  /** Of its election's topic; 0 where its ballots are not buffered. */
  partitions: number;
  voterOf: (voterKey: string) => string;
  mint: (voter: string) => string;
};

const ASKERS = 40;
const ASK_AGAIN_MS = 200;
const ANSWER_TIMEOUT_MS = 10_000;
const ANSWERED_WITHIN_MS = 60_000;
/** The results follow within half a second, and a lane may still be resolving what nobody waits for any more. */
const SETTLE_TIMEOUT_MS = 8_000;
/** Within it what was accepted must have been recorded, when nothing is broken any more. */
const DRAIN_TIMEOUT_MS = 60_000;

/** As the surviving primaries have it, once the results have had the time to say the same. */
export async function readLedger(cluster: Cluster, contest: JudgedContest) {
  const read = async () => ({
    ...(await readRows(cluster, contest)),
    tally: await readTally(cluster, contest),
  });
  let ledger = await read();
  const agree = async () => {
    ledger = await read();
    return ledger.ballots.length === [...ledger.tally.values()].reduce((sum, votes) => sum + votes, 0);
  };
  await eventually("the results show every ballot", agree, SETTLE_TIMEOUT_MS).catch(() => undefined);
  return ledger;
}

async function readRows(cluster: Cluster, contest: JudgedContest) {
  const all = await Promise.all(cluster.ledgers.map((ledger) => readLedgerRows(ledger, contest)));
  const blocks = new Map<number, number>();
  for (const each of all) addVotes(blocks, each.blocks);
  return { ballots: all.flatMap(({ ballots }) => ballots), blocks };
}

/** In one snapshot, for a ballot may still be recorded meanwhile. */
function readLedgerRows(ledger: Ledger, contest: JudgedContest) {
  return ledger.read(async (client) => {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
    const ballots = await readBallots(client, contest);
    const blocks = await readBlocks(client, contest.uuid);
    await client.query("COMMIT");
    return { ballots, blocks };
  });
}

/** Of a final contest: the partitions whose barrier no ledger has met. */
export async function openPartitions(
  cluster: Cluster,
  { uuid, partitions }: JudgedContest,
): Promise<number[]> {
  const passed = await Promise.all(
    cluster.ledgers.map((ledger) =>
      ledger.read(async (client) => {
        const { rows } = await client.query(
          `SELECT partition FROM barriers JOIN streams USING (stream_id) JOIN contests USING (contest_id)
           WHERE contest_uuid = $1`,
          [uuid],
        );
        return rows.map(({ partition }) => partition as number);
      }),
    ),
  );
  const met = new Set(passed.flat());
  return Array.from({ length: partitions }, (_, partition) => partition).filter((each) => !met.has(each));
}

function addVotes(sums: Map<number, number>, votes: Votes): void {
  for (const [option, count] of votes) sums.set(option, (sums.get(option) ?? 0) + count);
}

async function readBallots(client: Client, { uuid, voterOf }: JudgedContest): Promise<FinalBallot[]> {
  const { rows } = await client.query(
    `SELECT encode(uuid_send(voter_key), 'hex') AS voter_key, encode(uuid_send(nonce), 'hex') AS nonce,
            encode(selections, 'hex') AS selections, (block_id >> 32)::text AS stream,
            (block_id & 4294967295)::text AS seq, index
     FROM ballots JOIN contests USING (contest_id) WHERE contest_uuid = $1`,
    [uuid],
  );
  return rows.map((row) => ({
    voter: voterOf(row.voter_key),
    selections: (row.selections.match(/.{4}/g) ?? []).map((option: string) => Number.parseInt(option, 16)),
    nonce: Buffer.from(row.nonce, "hex").toString("base64url"),
    stream: Number(row.stream),
    seq: Number(row.seq),
    index: row.index,
  }));
}

async function readBlocks(client: Client, contestUuid: string): Promise<Votes> {
  const { rows } = await client.query("SELECT tally -> $1 AS tally FROM blocks WHERE tally ? $1", [
    contestUuid,
  ]);
  const sums = new Map<number, number>();
  for (const { tally } of rows) {
    const votes = Object.entries(tally as Record<string, number>);
    addVotes(sums, new Map(votes.map(([option, count]) => [Number(option), count])));
  }
  return sums;
}

type Results = { blank: number; counts: { option: number; votes: number }[] };

/** What is shown to everybody. */
async function readTally(cluster: Cluster, { id }: JudgedContest): Promise<Votes> {
  const answer = await fetch(`${cluster.role("results").url}/v1/contests/${id}/results`);
  const { blank, counts } = (await answer.json()) as Results;
  return new Map([[0, blank], ...counts.map(({ option, votes }) => [option, votes] as const)]);
}

/** What `urna recount` finds to differ, of one contest or, without it, of all; empty when it is clean. */
export async function recount(cluster: Cluster, contestId?: string): Promise<string[]> {
  const scope = contestId === undefined ? [] : ["--contest", contestId];
  const where = ["--url", cluster.role("results").url, "--data", join(cluster.folder, "no-data-folder")];
  const [home, ...further] = cluster.ledgers;
  const environment: Record<string, string> = { DATABASE_URL: home!.primaryUrl };
  if (further.length > 0) {
    environment.URNA_LEDGERS = further.map(({ name, primaryUrl }) => `${name}=${primaryUrl}`).join(" ");
  }
  const { exitCode, stdout, stderr } = await finished(
    startUrna(["recount", "--json", ...scope, ...where], environment),
  );
  if (exitCode !== 0 && exitCode !== 1) return [stderr];
  const report = JSON.parse(stdout) as { clean: boolean; findings: { byCode: Record<string, number> } };
  if (report.clean) return [];
  return Object.entries(report.findings.byCode).map(([code, count]) => `${count} × ${code}`);
}

/** Asks for every acknowledged receipt again: the voter's own ballot at a gateway, and whether it verifies. */
export async function checkReceipts(
  cluster: Cluster,
  contest: JudgedContest,
  entries: readonly Entry[],
): Promise<ReceiptCheck[]> {
  const receipts = new Map<string, { voter: string; receipt: Receipt }>();
  for (const attempt of attemptsOf(entries)) {
    if (attempt.told !== "acknowledged") continue;
    const { voter, receipt } = attempt;
    receipts.set(`${voter} ${JSON.stringify(receipt)}`, { voter, receipt });
  }
  return askAll([...receipts.values()], async ({ voter, receipt }, i) => {
    const gateway = cluster.gateways[i % cluster.gateways.length]!;
    const [found, verified] = await Promise.all([
      findBallot(`${gateway.url}/v1/contests/${contest.id}/ballot`, contest.mint(voter)),
      verify(cluster.role("results").url, receipt),
    ]);
    return { voter, receipt, found, verified: verified.code ?? String(verified.status) };
  });
}

/** Asks what became of every accepted receipt, until it is known: what is accepted is recorded soon. */
export async function checkFates(cluster: Cluster, entries: readonly Entry[]): Promise<FateCheck[]> {
  const accepted = attemptsOf(entries).flatMap((attempt) => (attempt.told === "accepted" ? [attempt] : []));
  const untilMs = performance.now() + DRAIN_TIMEOUT_MS;
  return askAll(accepted, async ({ voter, receipt }) => {
    for (;;) {
      const { code, status, receipt: recorded = null } = await verify(cluster.role("results").url, receipt);
      const fate = code ?? String(status);
      if (fate !== "accepted" || performance.now() >= untilMs) return { voter, receipt, fate, recorded };
      await pause(ASK_AGAIN_MS);
    }
  });
}

/** Of each thing the answer, so many at a time. */
async function askAll<Thing, Answer>(
  things: readonly Thing[],
  ask: (thing: Thing, i: number) => Promise<Answer>,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  const left = things.entries();
  const asking = async () => {
    for (const [i, thing] of left) answers[i] = await ask(thing, i);
  };
  await Promise.all(Array.from({ length: ASKERS }, asking));
  return answers;
}

async function findBallot(url: string, token: string): Promise<Receipt | null> {
  const { receipt } = await answerTo<{ receipt?: Receipt }>(url, {
    headers: { authorization: `Bearer ${token}` },
  });
  return receipt ?? null;
}

/** `code` where the receipt is none. */
type Verified = { status?: string | number; code?: string; receipt?: Receipt };

function verify(url: string, receipt: Receipt | AcceptedReceipt): Promise<Verified> {
  return answerTo(`${url}/v1/receipts/verify`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(receipt),
  });
}

/** Whoever can't know says so; a gate shuts for a moment even when a standby comes back. That is asked again. */
function answerTo<Answer>(url: string, request: RequestInit): Promise<Answer> {
  return eventually(
    `${url} is answered`,
    async () => {
      const answer = await fetch(url, { ...request, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
      if (answer.status >= 500) throw new Error(await answer.text());
      return (await answer.json()) as Answer;
    },
    ANSWERED_WITHIN_MS,
  );
}
