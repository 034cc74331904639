/** Runs a fault under its seeds, one contest a seed, and has each judged. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Cluster } from "./cluster/cluster.ts";
import { openContest, type TestContest } from "./contest.ts";
import { type Fault, type Replacement, Stage } from "./fault.ts";
import { checkReceipts, readLedger } from "./judge/evidence.ts";
import { Journal, readJournal } from "./judge/journal.ts";
import { type FinalLedger, type Judgement, judge } from "./judge/judge.ts";
import { Voters } from "./judge/voters.ts";
import { Random } from "./random.ts";

/** So much is cast before the first thing breaks, and after everything is mended. */
const ACKNOWLEDGED_MIN = 25;
const VOTERS = 16;
const PAUSE_MS_MAX = 60;

export type Load = { voters: number; pauseMsMax: number };

export type SeedReport = {
  seed: number;
  tookMs: number;
  judgement: Judgement | null;
  /** What went wrong beside the judge's findings. */
  error: string | null;
  /** The longest time between two acknowledgements. */
  withoutServiceMs: number;
  replacements: { failoverMs: number; withoutServiceMs: number }[];
  journal: string;
};

type Scene = { cluster: Cluster; fault: Fault; seed: number; contest: TestContest; journal: Journal };

/** The journals' folder is kept where something was found. */
export async function runSeed(
  cluster: Cluster,
  fault: Fault,
  seed: number,
  journals: string,
): Promise<SeedReport> {
  const startedMs = performance.now();
  await cluster.makeWhole();
  const contest = await openContest(cluster, `${fault.name.slice(0, 40)}-${seed}-${Date.now().toString(36)}`);
  mkdirSync(journals, { recursive: true });
  using journal = new Journal(join(journals, `${contest.id}.jsonl`));
  const scene = { cluster, fault, seed, contest, journal };
  const { stage, error } = await play(scene);
  const judgement = await judged(scene, stage);
  return {
    seed,
    tookMs: performance.now() - startedMs,
    judgement,
    error,
    withoutServiceMs: longestGapMs(journal.acknowledgedAtMs),
    replacements: stage.replacements.map((replacement) => measure(replacement, journal)),
    journal: journal.path,
  };
}

/** The cluster is whole again afterwards, and nobody votes any more. */
async function play({ cluster, fault, seed, contest, journal }: Scene) {
  const random = new Random(seed);
  const voters = new Voters({
    journal,
    random: random.fork(),
    gateways: cluster.gateways,
    contest: contest.id,
    options: contest.options,
    mint: contest.mint,
    voters: VOTERS,
    pauseMsMax: PAUSE_MS_MAX,
  });
  const stage = new Stage(cluster, random, voters, journal);
  let error: string | null = null;
  try {
    await voters.acknowledge(ACKNOWLEDGED_MIN);
    await fault.run(stage);
  } catch (thrown) {
    error = describe(thrown);
  }
  journal.event("everything is mended");
  try {
    await cluster.makeWhole();
    await voters.acknowledge(ACKNOWLEDGED_MIN);
  } finally {
    await voters.stop();
  }
  return { stage, error };
}

async function judged({ cluster, contest, journal }: Scene, stage: Stage): Promise<Judgement> {
  const entries = readJournal(journal.path);
  const ledger: FinalLedger = await readLedger(cluster, contest);
  const checks = await checkReceipts(cluster, contest, contest.mint, entries);
  return judge({ entries, ledger, checks, silences: stage.silences });
}

function longestGapMs(timesMs: readonly number[]): number {
  return timesMs.reduce((longest, atMs, i) => Math.max(longest, atMs - (timesMs[i - 1] ?? atMs)), 0);
}

/** From the primary's death until a standby confirms the new one's commits, and until somebody's ballot is acknowledged. */
function measure({ diedAtMs, promotedAtMs, confirmedAtMs }: Replacement, journal: Journal) {
  const servedAtMs =
    journal.acknowledgedAtMs.find((atMs) => atMs >= promotedAtMs) ?? Number.POSITIVE_INFINITY;
  return { failoverMs: confirmedAtMs - diedAtMs, withoutServiceMs: servedAtMs - diedAtMs };
}

export function describe(thrown: unknown): string {
  const { message, cause } = thrown as Error;
  return cause === undefined ? message : `${message} (${describe(cause)})`;
}
