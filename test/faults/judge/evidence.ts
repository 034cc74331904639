/** What the judge is shown: the ledger's rows by SQL of its own, the results, the recount, every receipt again. */
import { join } from "node:path";
import type { Receipt } from "../../../src/election/receipt.ts";
import { eventually } from "../../support/eventually.ts";
import { finished, startUrna } from "../../support/urna-process.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { Client } from "../cluster/statements.ts";
import { attemptsOf } from "./history.ts";
import type { Entry } from "./journal.ts";
import type { FinalBallot, ReceiptCheck, Votes } from "./judge.ts";

export type JudgedContest = {
  id: string;
  uuid: string;
  voterOf: (voterKey: string) => string;
  mint: (voter: string) => string;
};

const ASKERS = 100;
const ANSWER_TIMEOUT_MS = 10_000;
/** The results follow within half a second, and a lane may still be resolving what nobody waits for any more. */
const SETTLE_TIMEOUT_MS = 8_000;

/** As the surviving primary has it, once the results have had the time to say the same. */
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

/** In one snapshot, for a ballot may still be recorded meanwhile. */
function readRows(cluster: Cluster, contest: JudgedContest) {
  return cluster.ledger(async (client) => {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
    const ballots = await readBallots(client, contest);
    const blocks = await readBlocks(client, contest.uuid);
    await client.query("COMMIT");
    return { ballots, blocks };
  });
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
    for (const [option, votes] of Object.entries(tally as Record<string, number>)) {
      sums.set(Number(option), (sums.get(Number(option)) ?? 0) + votes);
    }
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
  const environment = { DATABASE_URL: cluster.databaseUrl };
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
  const waiting = [...receipts.values()];
  const checks: ReceiptCheck[] = [];
  const ask = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { voter, receipt } = next;
      const gateway = cluster.gateways[checks.length % cluster.gateways.length]!;
      const [found, verified] = await Promise.all([
        findBallot(`${gateway.url}/v1/contests/${contest.id}/ballot`, contest.mint(voter)),
        verify(cluster.role("results").url, receipt),
      ]);
      checks.push({ voter, receipt, found, verified });
    }
  };
  await Promise.all(Array.from({ length: ASKERS }, ask));
  return checks;
}

async function findBallot(url: string, token: string): Promise<Receipt | null> {
  const { receipt } = await answerTo<{ receipt?: Receipt }>(url, {
    headers: { authorization: `Bearer ${token}` },
  });
  return receipt ?? null;
}

async function verify(url: string, receipt: Receipt): Promise<string> {
  const { status, code } = await answerTo<{ status?: string | number; code?: string }>(
    `${url}/v1/receipts/verify`,
    {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(receipt),
    },
  );
  return code ?? String(status);
}

/** Whoever can't know says so; a gate shuts for a moment even when a standby comes back. That is asked again. */
function answerTo<Answer>(url: string, request: RequestInit): Promise<Answer> {
  return eventually(`${url} is answered`, async () => {
    const answer = await fetch(url, { ...request, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    if (answer.status >= 500) throw new Error(await answer.text());
    return (await answer.json()) as Answer;
  });
}
