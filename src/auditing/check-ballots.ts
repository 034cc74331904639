/** The recount's way through the ballots of one ledger: each against its contest, its block, its leaf and its stream. */

import { selectionsFault } from "../election/ballot-rules.ts";
import { HOME_LEDGER, ledgerOfPartition, partitionOf } from "../election/buffering.ts";
import type { Contest } from "../election/contest.ts";
import { decodeSelections } from "../election/selections.ts";
import { BLANK, countBallot, type Tally } from "../election/tally.ts";
import type { Place } from "../ledger/exceptions.ts";
import { ballotLeaf, LEAF_BYTES } from "../ledger/leaf.ts";
import { uuidToBytes } from "../ledger/uuid.ts";
import type { BlockIndex } from "./block-index.ts";
import type { FindingCode, FindingSink } from "./findings.ts";
import { type BlockLeaves, LeafCache } from "./leaf-cache.ts";
import type { BallotRow, PartitionRow, RecountSource, StreamRow } from "./recount-source.ts";
import type { Repetition } from "./uniqueness.ts";

/** What the ballots say was recorded. */
export type BallotsChecked = { ballots: number; tally: Tally };

/** A ballot and what follows from it. */
export type Examined = { row: BallotRow; leaf: Buffer | null; block: number | null };

/** What the ballots of one ledger are judged by. */
export type BallotsContext = {
  source: RecountSource;
  /** The ledger's number. */
  number: number;
  index: BlockIndex;
  findings: FindingSink;
  streams: readonly StreamRow[];
  /** Those that this ledger has. */
  contests: readonly Contest[];
  /** Where each contest's barrier is, by contest and stream. */
  barriers: ReadonlyMap<number, ReadonlyMap<number, Place>>;
};

export class BallotsCheck {
  readonly checked: BallotsChecked = { ballots: 0, tally: new Map() };
  /** The latest ballot of each stream that is past the frontier, to be looked for once more at the end. */
  readonly latest = new Map<number, BallotRow>();
  private readonly source: RecountSource;
  private readonly index: BlockIndex;
  private readonly streams: Map<number, StreamRow>;
  private readonly contests: Map<number, Contest & { uuidBytes: Buffer }>;
  private readonly leafCache: LeafCache;

  constructor(private readonly context: BallotsContext) {
    const { source, index, streams, contests } = context;
    this.source = source;
    this.index = index;
    this.streams = new Map(streams.map((stream) => [stream.streamId, stream]));
    this.contests = new Map(
      contests.map((contest) => [contest.ledgerId, { ...contest, uuidBytes: uuidToBytes(contest.uuid) }]),
    );
    this.leafCache = new LeafCache(source);
  }

  /** Goes through a partition's ballots. At the first look each is judged by itself as well. */
  async *examine(partition: PartitionRow, firstLook: boolean): AsyncGenerator<Examined[]> {
    for await (const rows of this.source.ballots(partition)) {
      const examined = this.withinFrontier(rows, firstLook);
      if (firstLook) {
        for (const ballot of examined) this.checkBallot(partition, ballot);
        await this.checkPlaces(examined);
      }
      yield examined;
    }
  }

  /** Leaves those out that were recorded since; what they are is a matter of the next recount. */
  private withinFrontier(rows: readonly BallotRow[], firstLook: boolean): Examined[] {
    const examined: Examined[] = [];
    for (const row of rows) {
      const stream = this.streams.get(row.streamId);
      if (stream !== undefined && row.seq < stream.nextSeq) {
        examined.push({ row, leaf: this.leafOf(row), block: this.index.find(row) });
      } else if (firstLook) {
        this.noteLater(row);
      }
    }
    return examined;
  }

  /** A ballot is committed together with its block: one that was seen must be within a frontier read afterwards. */
  private noteLater(row: BallotRow): void {
    const contest = this.contests.get(row.contestLedgerId);
    if (contest !== undefined && contest.sealedAtMs !== null) {
      this.add("ballot_after_seal", row, "it was recorded after the contest was sealed");
    }
    const latest = this.latest.get(row.streamId);
    if (latest === undefined || latest.seq < row.seq) this.latest.set(row.streamId, row);
  }

  private leafOf(row: BallotRow): Buffer | null {
    const contest = this.contests.get(row.contestLedgerId);
    return contest === undefined ? null : ballotLeaf(contest.uuidBytes, row.selections, row.nonce);
  }

  private checkBallot(partition: PartitionRow, { row, block }: Examined): void {
    this.checked.ballots++;
    if (row.contestLedgerId !== partition.contestLedgerId) {
      this.add("wrong_partition", row, `it is in the partition ${partition.name}`);
    }
    const contest = this.contests.get(row.contestLedgerId);
    if (contest === undefined) {
      this.add(
        "unknown_contest",
        row,
        `it is of contest number ${row.contestLedgerId}, which does not exist`,
      );
    } else {
      const selections = decodeSelections(row.selections);
      const fault = row.selections.length % 2 === 0 ? selectionsFault(contest, selections) : "half a number";
      if (fault !== null) this.add("invalid_selections", row, fault);
      countBallot(this.checked.tally, contest.uuid, selections);
      if (block !== null) this.index.count(row, block, contest.ledgerId, selections[0] ?? BLANK);
      this.checkStream(row, contest);
    }
    if (block === null) this.add("ballot_without_block", row, "there is no such block");
  }

  /** That makes sure that a voter's ballots can't be in two streams, and so in two ledgers, without being noticed. */
  private checkStream(row: BallotRow, contest: Contest): void {
    const stream = this.streams.get(row.streamId)!.source;
    const { buffering, electionUuid } = contest;
    const { number, barriers } = this.context;
    if (buffering === null) {
      if (stream !== null || number !== HOME_LEDGER)
        this.add("wrong_stream", row, "its contest is not buffered");
      return;
    }
    const partition = partitionOf(row.voterKey.toString("hex", 0, 4), buffering);
    if (stream?.electionUuid !== electionUuid || stream.partition !== partition) {
      this.add("wrong_stream", row, `its voter belongs to partition ${partition} of its election`);
    } else if (ledgerOfPartition(partition, buffering) !== number) {
      this.add("wrong_stream", row, `partition ${partition} is drained into another ledger`);
    }
    const barrier = barriers.get(contest.ledgerId)?.get(row.streamId);
    if (barrier === undefined || row.seq < barrier.seq) return;
    if (row.seq > barrier.seq || row.index > barrier.index) {
      this.add(
        "ballot_behind_barrier",
        row,
        `the barrier is in block ${barrier.seq}, index ${barrier.index}`,
      );
    }
  }

  private async checkPlaces(examined: readonly Examined[]): Promise<void> {
    const placed = examined.flatMap(({ row, leaf, block }) =>
      block === null ? [] : { row, leaf, block, place: row, offered: this.index.offered(block) },
    );
    for (let from = 0; from < placed.length; ) {
      const { covered, leaves } = await this.leafCache.load(placed.slice(from));
      for (const { row, leaf, block } of placed.slice(from, from + covered)) {
        this.checkPlace(row, leaf, block, leaves.get(block));
      }
      from += covered;
    }
  }

  private checkPlace(row: BallotRow, leaf: Buffer | null, block: number, committed: BlockLeaves | undefined) {
    const rank = committed?.ranks[row.index] ?? -1;
    if (committed === undefined || rank < 0) {
      this.add("place_not_set", row, "its block recorded no ballot at this index");
      return;
    }
    if (!this.index.see(block, row.index)) {
      this.add("place_taken_twice", row, "another ballot is at this place already");
    }
    const at = rank * LEAF_BYTES;
    const end = at + LEAF_BYTES;
    if (leaf !== null && (end > committed.leaves.length || leaf.compare(committed.leaves, at, end) !== 0)) {
      this.add("leaf_mismatch", row, "contest, selections and nonce do not open the leaf at its place");
    }
  }

  addRepetition(row: BallotRow, { kind, first }: Repetition): void {
    const where = `the ballot of stream ${first.streamId}, block ${first.seq}, index ${first.index}`;
    if (kind === "voter") this.add("voter_twice", row, `${where} is the same voter's`);
    else this.add("equal_leaves", row, `${where} has the same leaf`);
  }

  private add(code: FindingCode, row: BallotRow, message: string): void {
    const contest = this.contests.get(row.contestLedgerId)?.id;
    const place = { stream: row.streamId, seq: row.seq, index: row.index };
    this.context.findings.add(code, contest === undefined ? place : { contest, ...place }, message);
  }
}
