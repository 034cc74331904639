/** The recount's way through the ballots: each against its contest, its block and its leaf, and against each other. */

import { selectionsFault } from "../election/ballot-rules.ts";
import type { Contest } from "../election/contest.ts";
import { decodeSelections } from "../election/selections.ts";
import { BLANK, countBallot, type Tally } from "../election/tally.ts";
import { ballotLeaf, LEAF_BYTES } from "../ledger/leaf.ts";
import { uuidToBytes } from "../ledger/uuid.ts";
import type { BlockIndex } from "./block-index.ts";
import type { Findings } from "./findings.ts";
import { type BlockLeaves, LeafCache } from "./leaf-cache.ts";
import type { BallotRow, PartitionRow, RecountSource, StreamRow } from "./recount-source.ts";
import { type Repetition, Uniqueness } from "./uniqueness.ts";

/** What the ballots say was recorded. */
export type BallotsChecked = { ballots: number; tally: Tally };

/** A ballot and what follows from it. */
type Examined = { row: BallotRow; leaf: Buffer | null; block: number | null };

export class BallotsCheck {
  readonly checked: BallotsChecked = { ballots: 0, tally: new Map() };
  /** The latest ballot of each stream that is past the frontier, to be looked for once more at the end. */
  readonly latest = new Map<number, BallotRow>();
  private readonly endSeqs: Map<number, number>;
  private readonly contests: Map<number, Contest & { uuidBytes: Buffer }>;
  private readonly leafCache: LeafCache;

  constructor(
    private readonly source: RecountSource,
    private readonly index: BlockIndex,
    private readonly findings: Findings,
    frontier: { streams: readonly StreamRow[]; contests: readonly Contest[] },
  ) {
    this.endSeqs = new Map(frontier.streams.map(({ streamId, nextSeq }) => [streamId, nextSeq]));
    this.contests = new Map(
      frontier.contests.map((contest) => [
        contest.ledgerId,
        { ...contest, uuidBytes: uuidToBytes(contest.uuid) },
      ]),
    );
    this.leafCache = new LeafCache(source);
  }

  async checkPartition(partition: PartitionRow, onBallots: (count: number) => void): Promise<void> {
    const uniqueness = new Uniqueness(partition.ballotsMax);
    for (let slice = 0; slice < uniqueness.slices; slice++) {
      uniqueness.begin(slice);
      for await (const rows of this.source.ballots(partition)) {
        const examined = this.withinFrontier(rows, slice === 0);
        for (const { row, leaf } of examined) if (leaf !== null) uniqueness.add(row.voterKey, leaf);
        if (slice > 0) continue;
        for (const ballot of examined) this.checkBallot(partition, ballot);
        await this.checkPlaces(examined);
        onBallots(examined.length);
      }
    }
    if (uniqueness.suspicious) await this.confirm(partition, uniqueness);
  }

  /** Leaves those out that were recorded since; what they are is a matter of the next recount. */
  private withinFrontier(rows: readonly BallotRow[], firstLook: boolean): Examined[] {
    const examined: Examined[] = [];
    for (const row of rows) {
      const endSeq = this.endSeqs.get(row.streamId);
      if (endSeq !== undefined && row.seq < endSeq) {
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
    }
    if (block === null) this.add("ballot_without_block", row, "there is no such block");
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

  private async confirm(partition: PartitionRow, uniqueness: Uniqueness): Promise<void> {
    for await (const rows of this.source.ballots(partition)) {
      for (const { row, leaf } of this.withinFrontier(rows, false)) {
        if (leaf === null) continue;
        for (const repetition of uniqueness.repetitions(row, leaf)) this.addRepetition(row, repetition);
      }
    }
    if (!uniqueness.overflowed) return;
    const contest = this.contests.get(partition.contestLedgerId ?? 0)?.id;
    this.findings.add(
      "uniqueness_unproved",
      contest === undefined ? {} : { contest },
      "more voters or leaves repeat than can be examined one by one",
    );
  }

  private addRepetition(row: BallotRow, { kind, first }: Repetition): void {
    const where = `the ballot of stream ${first.streamId}, block ${first.seq}, index ${first.index}`;
    if (kind === "voter") this.add("voter_twice", row, `${where} is the same voter's`);
    else this.add("equal_leaves", row, `${where} has the same leaf`);
  }

  private add(code: Parameters<Findings["add"]>[0], row: BallotRow, message: string): void {
    const contest = this.contests.get(row.contestLedgerId)?.id;
    const place = { stream: row.streamId, seq: row.seq, index: row.index };
    this.findings.add(code, contest === undefined ? place : { contest, ...place }, message);
  }
}
