/** Runs a fault under one seed, in a contest of its own, and has it judged: at once, and again when it is final. */
import { join } from "node:path";
import type { Cluster } from "./cluster/cluster.ts";
import { openContest, type TestContest } from "./contest.ts";
import { type Fault, type Replacement, Stage } from "./fault.ts";
import { checkFates, checkReceipts, openPartitions, readLedger, recount } from "./judge/evidence.ts";
import type { Silence } from "./judge/history.ts";
import { Journal, readJournal } from "./judge/journal.ts";
import { type FateCheck, type Judgement, judge, type ReceiptCheck } from "./judge/judge.ts";
import { Voters } from "./judge/voters.ts";
import { Random } from "./random.ts";

/** So much is cast before the first thing breaks, and after everything is mended. */
const ACKNOWLEDGED_MIN = 25;
const VOTERS = 16;
const PAUSE_MS_MAX = 60;
/** Voters of buffered ballots do not wait until they are recorded: so many that recorders keep up, and all can be asked about. */
const BUFFERED_PAUSE_MS_MAX = 250;

/** What is judged, beside the ledger as it is at that moment. */
export type Evidence = {
  contest: TestContest;
  journal: string;
  silences: readonly Silence[];
  checks: readonly ReceiptCheck[];
  fates: readonly FateCheck[];
  recounted: readonly string[];
  openPartitions: readonly number[];
};

export type Played = Evidence & {
  judgement: Judgement;
  /** What was violated beside the judge's rules. */
  error: string | null;
  tookMs: number;
  /** The longest time between two acknowledgements: of buffered ballots, between two of which somebody heard. */
  withoutServiceMs: number;
  /** The longest time between two acceptances; null where nothing is accepted. */
  withoutAcceptanceMs: number | null;
  /**
   * A primary's death until a standby confirms the new one's commits, and how much later a ballot is acknowledged. Not
   * where the old primary was back before that: two primaries are there until somebody stops one.
   */
  replacements: { failoverMs: number; beyondMs: number }[];
};

/** Throws when the cluster can't be mended: it is of no use any more then. */
export async function runSeed(cluster: Cluster, fault: Fault, seed: number, folder: string): Promise<Played> {
  const startedMs = performance.now();
  await cluster.makeWhole();
  const contest = await openContest(cluster, `${fault.name.slice(0, 44)}-${seed}-${Date.now().toString(36)}`);
  const path = join(folder, `${contest.id}.jsonl`);
  using journal = new Journal(path);
  const random = new Random(seed);
  const polls = { gateways: cluster.gateways, verifier: cluster.role("results"), contest };
  const load = { voters: VOTERS, pauseMsMax: cluster.isBuffered ? BUFFERED_PAUSE_MS_MAX : PAUSE_MS_MAX };
  const voters = new Voters({ ...polls, ...load, journal, random: random.fork() });
  const stage = new Stage(cluster, random, contest, voters, polls, journal);
  const error = await play(fault, stage);
  const entries = readJournal(path);
  const fates = await checkFates(cluster, entries);
  const checks = await checkReceipts(cluster, contest, entries);
  const recounted = await recount(cluster, contest.id);
  const { silences } = stage;
  const evidence = { contest, journal: path, silences, checks, fates, recounted, openPartitions: [] };
  return {
    ...{ ...evidence, error },
    judgement: await judgeContest(cluster, evidence),
    tookMs: performance.now() - startedMs,
    withoutServiceMs: longestGapMs(journal.acknowledgedAtMs),
    withoutAcceptanceMs: cluster.isBuffered ? longestGapMs(journal.acceptedAtMs) : null,
    // Of buffered ballots another ledger's are acknowledged meanwhile: when this one's are again is not told apart.
    replacements: cluster.isBuffered ? [] : stage.replacements.flatMap((each) => measure(each, journal)),
  };
}

export async function judgeContest(
  cluster: Cluster,
  { contest, journal, silences, checks, fates, recounted, openPartitions }: Evidence,
): Promise<Judgement> {
  const ledger = { ...(await readLedger(cluster, contest)), recount: recounted, openPartitions };
  return judge({ entries: readJournal(journal), ledger, checks, fates, silences });
}

/** Once it is final. */
export async function judgeFinal(cluster: Cluster, evidence: Evidence): Promise<Judgement> {
  const open = await openPartitions(cluster, evidence.contest);
  return judgeContest(cluster, { ...evidence, openPartitions: open });
}

/** Afterwards the cluster is whole, and nobody votes any more. Returns what the fault threw. */
async function play(fault: Fault, stage: Stage): Promise<string | null> {
  const { voters, cluster } = stage;
  try {
    let error: string | null = null;
    try {
      await voters.acknowledge(ACKNOWLEDGED_MIN);
      await fault.run(stage);
    } catch (thrown) {
      error = inWords(thrown);
    }
    stage.event("everything is mended");
    await cluster.makeWhole();
    if (!stage.isClosed) await voters.acknowledge(ACKNOWLEDGED_MIN);
    return error;
  } finally {
    await voters.stop();
  }
}

function longestGapMs(timesMs: readonly number[]): number {
  return timesMs.reduce((longest, atMs, i) => Math.max(longest, atMs - (timesMs[i - 1] ?? atMs)), 0);
}

function measure({ diedAtMs, promotedAtMs, confirmedAtMs, backAtMs }: Replacement, journal: Journal) {
  const servedAtMs =
    journal.acknowledgedAtMs.find((atMs) => atMs >= promotedAtMs) ?? Number.POSITIVE_INFINITY;
  if (servedAtMs > backAtMs) return [];
  return [{ failoverMs: confirmedAtMs - diedAtMs, beyondMs: Math.max(0, servedAtMs - confirmedAtMs) }];
}

export function inWords(thrown: unknown): string {
  const { message, cause } = thrown as Error;
  return cause === undefined ? message : `${message} (${inWords(cause)})`;
}
