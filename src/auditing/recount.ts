/**
 * The recount: every leaf, chain and tally computed again from the ballots up, and compared:
 * ballots = blocks = tally = results.
 *
 * It works while ballots are being recorded: the frontier, read first and in one snapshot, says how far every stream
 * goes, and only what lies within it is judged. A ballot is committed together with its block, so all ballots of
 * the blocks within the frontier can be seen by whatever is read afterwards.
 *
 * Memory: see block-index.ts and uniqueness.ts, and at most 64 MB of leaves.
 */
import type { Contest } from "../election/contest.ts";
import { countsOf } from "../election/counts.ts";
import { BLANK, type ContestTally, type Tally, tallyDifferences } from "../election/tally.ts";
import { BlockIndex } from "./block-index.ts";
import { BallotsCheck, type BallotsChecked } from "./check-ballots.ts";
import { BlocksCheck, type BlocksChecked } from "./check-blocks.ts";
import { compareServed, type ResultsReader, type ServedComparison } from "./compare-served.ts";
import { Findings } from "./findings.ts";
import {
  type Frontier,
  RecountImpossibleError,
  type RecountSource,
  type StreamRow,
} from "./recount-source.ts";

export type RecountProgress = { step: "blocks" | "ballots"; done: number; total: number };

export type RecountOptions = {
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
  contests: ContestRecount[];
  findings: Findings;
};

/** What every step of one recount works with. */
type Recounting = {
  source: RecountSource;
  frontier: Frontier;
  /** Those whose ballots are counted. */
  contests: Contest[];
  index: BlockIndex;
  findings: Findings;
  onProgress: (progress: RecountProgress) => void;
};

/** Throws {@link RecountImpossibleError}, or what the source throws, when it can't be done. */
export async function recount(source: RecountSource, options: RecountOptions = {}): Promise<RecountReport> {
  const frontier = await source.frontier();
  const contests = contestsInScope(frontier, options.contestId);
  const findings = new Findings();
  const { onProgress = () => undefined } = options;
  const recounting = { source, frontier, contests, index: new BlockIndex(), findings, onProgress };

  const blocks = await checkBlocks(recounting);
  const ballots = await checkBallots(recounting, blocks.tally);
  reportPlaces(recounting);
  reportTallies(recounting, blocks.tally, ballots.tally);
  reportSeals(recounting);
  const served = await compareResults(recounting, ballots.tally, options.results);
  return {
    clean: findings.faults === 0,
    streams: frontier.streams.length,
    blocks: blocks.blocks,
    leaves: blocks.leaves,
    contests: contests.map((contest) => ({
      id: contest.id,
      uuid: contest.uuid,
      final: contest.finalAtMs !== null,
      counts: countsOf(contest, ballots.tally.get(contest.uuid)),
      blocksTally: totalOf(blocks.tally.get(contest.uuid)),
      results: served?.get(contest.uuid) ?? null,
    })),
    findings,
  };
}

function contestsInScope({ contests }: Frontier, id: string | undefined): Contest[] {
  if (id === undefined) return contests;
  const found = contests.filter((contest) => contest.id === id || contest.uuid === id);
  if (found.length === 0) throw new RecountImpossibleError(`there is no contest ${id} in this ledger`);
  return found;
}

async function checkBlocks(recounting: Recounting): Promise<BlocksChecked> {
  const { source, frontier, contests, index, findings, onProgress } = recounting;
  const inScope = new Set(contests.map(({ ledgerId }) => ledgerId));
  const check = new BlocksCheck(index, findings, frontier.contests, ({ ledgerId }) => inScope.has(ledgerId));
  const total = frontier.streams.reduce((sum, { nextSeq }) => sum + nextSeq - 1, 0);
  let done = 0;
  for (const stream of frontier.streams) {
    await check.checkStream(source, stream, (count) => {
      done += count;
      onProgress({ step: "blocks", done, total });
    });
  }
  for (const { streamId, seq } of await source.strayBlocks()) {
    findings.add("stray_block", { stream: streamId, seq }, "no stream goes that far");
  }
  return check.checked;
}

async function checkBallots(recounting: Recounting, blocksTally: Tally): Promise<BallotsChecked> {
  const { source, frontier, contests, index, findings, onProgress } = recounting;
  const elsewhere = new Set<number | null>(
    frontier.contests.filter((contest) => !contests.includes(contest)).map(({ ledgerId }) => ledgerId),
  );
  const partitions = frontier.partitions.filter(({ contestLedgerId }) => !elsewhere.has(contestLedgerId));
  const check = new BallotsCheck(source, index, findings, frontier);
  const total = contests.reduce((sum, { uuid }) => sum + totalOf(blocksTally.get(uuid)), 0);
  let done = 0;
  for (const partition of partitions) {
    await check.checkPartition(partition, (count) => {
      done += count;
      onProgress({ step: "ballots", done, total });
    });
  }
  const streams = new Map((await source.streams()).map(({ streamId, nextSeq }) => [streamId, nextSeq]));
  for (const { streamId, seq, index: at } of check.latest.values()) {
    if (seq < (streams.get(streamId) ?? 0)) continue;
    findings.add("ballot_without_block", { stream: streamId, seq, index: at }, "no stream goes that far");
  }
  return check.checked;
}

async function compareResults(
  { source, frontier, contests, findings }: Recounting,
  ballotsTally: Tally,
  results: ResultsReader | undefined,
): Promise<Map<string, ServedComparison> | null> {
  if (results === undefined) return null;
  const expected = contests.map((contest) => ({ contest, tally: ballotsTally.get(contest.uuid) }));
  return compareServed(expected, results, () => hasMoved(source, frontier.streams), findings);
}

function reportPlaces({ index, contests, findings }: Recounting): void {
  for (const { streamId, seq, index: at } of index.unseen()) {
    const place = { stream: streamId, seq, index: at };
    findings.add("place_without_ballot", place, "no ballot names this place");
  }
  const ids = new Map(contests.map(({ ledgerId, id }) => [ledgerId, id]));
  for (const { streamId, seq, contestLedgerId, option, excess } of index.tallyDifferences()) {
    const contest = ids.get(contestLedgerId);
    const what = option === BLANK ? "blank" : `option ${option}`;
    findings.add(
      "block_tally_mismatch",
      contest === undefined ? { stream: streamId, seq } : { contest, stream: streamId, seq },
      `${what}: its tally counts ${Math.abs(excess)} ${excess > 0 ? "more" : "fewer"} than its ballots`,
    );
  }
}

function reportTallies({ contests, findings }: Recounting, blocks: Tally, ballots: Tally): void {
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

function reportSeals({ contests, frontier, findings }: Recounting): void {
  const sealed = new Set(
    frontier.partitions.filter((partition) => partition.sealed).map(({ contestLedgerId }) => contestLedgerId),
  );
  for (const { id, ledgerId, sealedAtMs } of contests) {
    if (sealedAtMs === null || sealed.has(ledgerId)) continue;
    findings.add("seal_missing", { contest: id }, "its partition of the ballots has no sealed constraint");
  }
}

/** Whether anything has been recorded since. */
async function hasMoved(source: RecountSource, before: readonly StreamRow[]): Promise<boolean> {
  const nextSeqs = new Map(before.map(({ streamId, nextSeq }) => [streamId, nextSeq]));
  return (await source.streams()).some(({ streamId, nextSeq }) => nextSeq > (nextSeqs.get(streamId) ?? 1));
}

function only(uuid: string, tally: ContestTally | undefined): Tally {
  return new Map(tally === undefined ? [] : [[uuid, tally]]);
}

function totalOf(tally: ContestTally | undefined): number {
  return [...(tally?.values() ?? [])].reduce((sum, votes) => sum + votes, 0);
}
