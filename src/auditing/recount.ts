/**
 * The recount: every leaf, chain and tally computed again from the ballots up, and compared:
 * ballots = blocks = tally = results, over all ledgers.
 *
 * It works while ballots are being recorded: each ledger's frontier, read first and in one snapshot, says how far every
 * stream goes, and only what lies within it is judged. A ballot is committed together with its block, so all ballots of
 * the blocks within the frontier can be seen by whatever is read afterwards. The home ledger's frontier is read before the
 * others': what it says of a contest, that it is sealed or final, was so in all of them before.
 *
 * Memory: see block-index.ts and uniqueness.ts, and at most 64 MB of leaves a ledger.
 */
import { HOME_LEDGER, ledgersOf } from "../election/buffering.ts";
import { type Contest, UNCHANGED } from "../election/contest.ts";
import { countsOf } from "../election/counts.ts";
import { addTally, type ContestTally, type Tally, tallyDifferences } from "../election/tally.ts";
import { checkContest } from "./check-contest.ts";
import { copyFault } from "./check-copies.ts";
import { type ExceptionCounts, noExceptions } from "./check-records.ts";
import { compareServed, type ResultsReader, type ServedComparison } from "./compare-served.ts";
import { Findings } from "./findings.ts";
import { type CountedLedger, LedgerRecount } from "./recount-ledger.ts";
import { type Frontier, RecountImpossibleError, type RecountSource } from "./recount-source.ts";

export type RecountProgress = { step: "blocks" | "ballots"; done: number; total: number };

export type RecountOptions = {
  /** Ledgers besides the home ledger. */
  further?: readonly CountedLedger[];
  /** One contest's public id or uuid; without it all are counted. Blocks are checked in any case. */
  contestId?: string;
  /** Where the served results are compared with, if anywhere. */
  results?: ResultsReader;
  onProgress?: (progress: RecountProgress) => void;
};

export type ContestRecount = {
  id: string;
  uuid: string;
  final: boolean;
  /** Counted from the ballots. */
  counts: ReturnType<typeof countsOf>;
  /** How many ballots the blocks say there are. */
  blocksTally: number;
  /** Null when they were not asked for. */
  results: ServedComparison | null;
};

export type RecountReport = {
  clean: boolean;
  streams: number;
  blocks: number;
  leaves: number;
  /** Records of partitions that were not recorded, by why. */
  exceptions: ExceptionCounts;
  contests: ContestRecount[];
  findings: Findings;
};

/** Throws {@link RecountImpossibleError}, or what a source throws, when it can't be done. */
export async function recount(home: RecountSource, options: RecountOptions = {}): Promise<RecountReport> {
  const { further = [], onProgress = () => undefined } = options;
  const findings = new Findings();
  const { contests, ledgers } = await openLedgers(home, further, options.contestId, findings);

  await checkBlocks(ledgers, onProgress);
  const blocks = sumOf(ledgers.map((ledger) => ledger.blocks.checked.tally));
  await checkBallots(ledgers, contests, blocks, findings, onProgress);
  const ballots = sumOf(ledgers.map((ledger) => ledger.ballots.checked.tally));
  reportTallies(contests, blocks, ballots, findings);
  reportSeals(contests, ledgers);
  const served = await compareResults(ledgers, contests, ballots, options.results, findings);
  const total = (of: (ledger: LedgerRecount) => number) =>
    ledgers.reduce((sum, ledger) => sum + of(ledger), 0);
  return {
    clean: findings.faults === 0,
    streams: total(({ streams }) => streams.length),
    blocks: total((ledger) => ledger.blocks.checked.blocks),
    leaves: total((ledger) => ledger.blocks.checked.leaves),
    exceptions: exceptionsOf(ledgers),
    contests: contests.map((contest) => ({
      id: contest.id,
      uuid: contest.uuid,
      final: contest.finalAtMs !== null,
      counts: countsOf(contest, ballots.get(contest.uuid)),
      blocksTally: totalOf(blocks.get(contest.uuid)),
      results: served?.get(contest.uuid) ?? null,
    })),
    findings,
  };
}

/** The contests in scope, and every ledger at its frontier. */
async function openLedgers(
  home: RecountSource,
  further: readonly CountedLedger[],
  contestId: string | undefined,
  findings: Findings,
): Promise<{ contests: Contest[]; ledgers: LedgerRecount[] }> {
  const frontier = await home.frontier();
  const frontiers: { ledger: CountedLedger; frontier: Frontier }[] = [];
  for (const ledger of further) frontiers.push({ ledger, frontier: await ledger.source.frontier() });
  const later = further.length === 0 ? [] : await contestsSince(home, frontier);
  const contests = contestsInScope([...frontier.contests, ...later], contestId);
  refuseMissingLedgers(contests, further);

  const uuids = new Set(contests.map(({ uuid }) => uuid));
  const inScope = ({ uuid }: Contest) => uuids.has(uuid);
  const ofHome = { number: HOME_LEDGER, name: "home", source: home };
  const ledgers = [new LedgerRecount(ofHome, frontier, frontier.contests, inScope, findings)];
  for (const each of frontiers) {
    const sink = findings.of(each.ledger.name);
    const copied = contestsCopied(each.frontier, [...frontier.contests, ...later], sink);
    ledgers.push(new LedgerRecount(each.ledger, each.frontier, copied, inScope, sink));
  }
  return { contests, ledgers };
}

/** Those that were made while the frontiers were read: whatever has happened to them since is not judged. */
async function contestsSince(home: RecountSource, { contests }: Frontier): Promise<Contest[]> {
  const known = new Set(contests.map(({ uuid }) => uuid));
  const now = await home.contests();
  return now.filter(({ uuid }) => !known.has(uuid)).map((contest) => ({ ...contest, ...UNCHANGED }));
}

function contestsInScope(contests: Contest[], id: string | undefined): Contest[] {
  if (id === undefined) return contests;
  const found = contests.filter((contest) => contest.id === id || contest.uuid === id);
  if (found.length === 0) throw new RecountImpossibleError(`there is no contest ${id} in this ledger`);
  return found;
}

/** A contest is counted whole, or not at all. */
function refuseMissingLedgers(contests: readonly Contest[], further: readonly CountedLedger[]): void {
  const numbers = new Set([HOME_LEDGER, ...further.map(({ number }) => number)]);
  for (const { id, buffering } of contests) {
    const missing = ledgersOf(buffering).find((number) => !numbers.has(number));
    if (missing === undefined) continue;
    throw new RecountImpossibleError(
      `contest ${id} has ballots in ledger number ${missing}: name it in --ledgers (URNA_LEDGERS)`,
    );
  }
}

/** As the home ledger has them, those that a further ledger has copies of. */
function contestsCopied(
  { contests: copies }: Frontier,
  contests: readonly Contest[],
  findings: ReturnType<Findings["of"]>,
): Contest[] {
  const byUuid = new Map(contests.map((contest) => [contest.uuid, contest]));
  return copies.flatMap((copy) => {
    const contest = byUuid.get(copy.uuid);
    if (contest === undefined) {
      findings.add("unknown_contest", { contest: copy.id }, "the home ledger has no such contest");
      return [];
    }
    const fault = copyFault(copy, contest);
    if (fault !== null) findings.add("copy_differs", { contest: contest.id }, fault);
    return [contest];
  });
}

async function checkBlocks(
  ledgers: readonly LedgerRecount[],
  onProgress: (progress: RecountProgress) => void,
): Promise<void> {
  const total = ledgers.reduce((sum, { blocksTotal }) => sum + blocksTotal, 0);
  let done = 0;
  for (const ledger of ledgers) {
    await ledger.checkBlocks((count) => {
      done += count;
      onProgress({ step: "blocks", done, total });
    });
  }
}

/** Contest by contest, over all ledgers: so a voter who is in two of them is noticed. */
async function checkBallots(
  ledgers: readonly LedgerRecount[],
  contests: readonly Contest[],
  blocks: Tally,
  findings: Findings,
  onProgress: (progress: RecountProgress) => void,
): Promise<void> {
  const total = contests.reduce((sum, { uuid }) => sum + totalOf(blocks.get(uuid)), 0);
  let done = 0;
  const parts = ledgers.flatMap((ledger) => ledger.parts());
  const ids = new Map(contests.map(({ ledgerId, id }) => [ledgerId, id]));
  for (const [contestLedgerId, ofContest] of Map.groupBy(
    parts,
    ({ partition }) => partition.contestLedgerId,
  )) {
    const isProved = await checkContest(ofContest, (count) => {
      done += count;
      onProgress({ step: "ballots", done, total });
    });
    if (isProved) continue;
    const contest = ids.get(contestLedgerId ?? 0);
    const message = "more voters or leaves repeat than can be examined one by one";
    findings.add("uniqueness_unproved", contest === undefined ? {} : { contest }, message);
  }
  for (const ledger of ledgers) await ledger.finish();
}

async function compareResults(
  ledgers: readonly LedgerRecount[],
  contests: readonly Contest[],
  ballots: Tally,
  results: ResultsReader | undefined,
  findings: Findings,
): Promise<Map<string, ServedComparison> | null> {
  if (results === undefined) return null;
  const expected = contests.map((contest) => ({ contest, tally: ballots.get(contest.uuid) }));
  const hasMoved = async () => {
    for (const ledger of ledgers) if (await ledger.hasMoved()) return true;
    return false;
  };
  return compareServed(expected, results, hasMoved, findings);
}

function reportTallies(
  contests: readonly Contest[],
  blocks: Tally,
  ballots: Tally,
  findings: Findings,
): void {
  for (const { id, uuid, finalTally } of contests) {
    const counted = only(uuid, ballots.get(uuid));
    for (const difference of tallyDifferences("ballots", counted, "blocks", only(uuid, blocks.get(uuid)))) {
      findings.add("tally_mismatch", { contest: id }, difference);
    }
    if (finalTally === null) continue;
    for (const difference of tallyDifferences("ballots", counted, "final tally", only(uuid, finalTally))) {
      findings.add("final_tally_mismatch", { contest: id }, difference);
    }
  }
}

/** In the home ledger too, whether it records the contest's ballots or not. */
function reportSeals(contests: readonly Contest[], ledgers: readonly LedgerRecount[]): void {
  for (const contest of contests) {
    if (contest.sealedAtMs === null) continue;
    const numbers = new Set([HOME_LEDGER, ...ledgersOf(contest.buffering)]);
    for (const each of ledgers) if (numbers.has(each.ledger.number)) each.checkSeal(contest);
  }
}

function exceptionsOf(ledgers: readonly LedgerRecount[]): ExceptionCounts {
  const sum = noExceptions();
  for (const { records } of ledgers) {
    for (const reason of Object.keys(sum) as (keyof ExceptionCounts)[]) sum[reason] += records.counts[reason];
  }
  return sum;
}

function sumOf(tallies: readonly Tally[]): Tally {
  const sum: Tally = new Map();
  for (const tally of tallies) addTally(sum, tally);
  return sum;
}

function only(uuid: string, tally: ContestTally | undefined): Tally {
  return new Map(tally === undefined ? [] : [[uuid, tally]]);
}

function totalOf(tally: ContestTally | undefined): number {
  return [...(tally?.values() ?? [])].reduce((sum, votes) => sum + votes, 0);
}
