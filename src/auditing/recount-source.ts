/** What the recount reads: a ledger's rows as they are, trusted in nothing. */
import type { Contest } from "../election/contest.ts";
import type { BlockSource } from "../ledger/block.ts";

/** Of which partition a stream is, and the offset of the first record that none of its blocks has. */
export type StreamSource = { electionUuid: string; partition: number; nextOffset: number };

/** A stream's row: where its next block goes, and the hash of its last one. Without a source it is a lane's. */
export type StreamRow = {
  streamId: number;
  nextSeq: number;
  headHash: Buffer;
  source: StreamSource | null;
};

/** Where a contest's barrier is in a stream. */
export type BarrierRow = { contestLedgerId: number; offset: number };

/** One partition of the ballots. */
export type PartitionRow = {
  name: string;
  /** The contest whose ballots it takes; null when it is bound to no single contest. */
  contestLedgerId: number | null;
  /** It holds no more ballots than this; from its size, not from a count. */
  ballotsMax: number;
  /** Whether it refuses every further ballot. */
  sealed: boolean;
};

/** Streams, contests and partitions as one snapshot shows them. */
export type Frontier = { streams: StreamRow[]; contests: Contest[]; partitions: PartitionRow[] };

export type BlockPlace = { streamId: number; seq: number };

export type BlockRow = BlockPlace & {
  batchId: string;
  recordedAtMs: number;
  overridden: boolean;
  /** Any JSON at all. */
  tally: unknown;
  places: Buffer;
  leaves: Buffer;
  prevHash: Buffer;
  hash: Buffer;
  source: BlockSource | null;
};

export type LeavesRow = BlockPlace & { places: Buffer; leaves: Buffer };

export type BallotRow = BlockPlace & {
  contestLedgerId: number;
  /** 16 bytes. */
  voterKey: Buffer;
  /** 16 bytes. */
  nonce: Buffer;
  index: number;
  /** Big-endian uint16, one a selection, when it is what it should be. */
  selections: Buffer;
};

/**
 * Every call is a few short transactions of its own: a snapshot held open made a stream's row five times slower to
 * update. Rows committed since {@link frontier} may appear in any of them; rows committed before do not vanish.
 * Nothing is retried; whatever can't be read is thrown. One call at a time.
 */
export interface RecountSource {
  frontier(): Promise<Frontier>;
  /** Contests as they are now. */
  contests(): Promise<Contest[]>;
  /** The streams' rows now. */
  streams(): Promise<StreamRow[]>;
  /** Blocks at or past their stream's next place, or of no stream, one a stream. */
  strayBlocks(): Promise<BlockPlace[]>;
  /** A stream's blocks below the end, in order of seq, in pieces of bounded size. */
  blocks(streamId: number, endSeq: number): AsyncIterable<BlockRow[]>;
  /** The barriers of a stream, in no particular order. */
  barriers(streamId: number): Promise<BarrierRow[]>;
  /** The offsets below the end of records in quarantine, rising, in pieces of bounded size. */
  quarantined(streamId: number, endOffset: number): AsyncIterable<number[]>;
  /** The leaves of those blocks that exist, in no particular order. The caller bounds how many it asks for. */
  leaves(blocks: readonly BlockPlace[]): Promise<LeavesRow[]>;
  /** Every ballot of a partition, in pieces of bounded size; may be read several times. */
  ballots(partition: PartitionRow): AsyncIterable<BallotRow[]>;
}

/** The recount can't be done, or not be finished: nothing is said about the ledger. */
export class RecountImpossibleError extends Error {
  readonly code = "recount_impossible";
}
