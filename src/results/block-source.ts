/** The ledger's blocks as live results need them: how far every stream is, and the blocks of given places. */
import type { BlockContent } from "../ledger/block.ts";

/** How far a stream is, or how far it has been followed: the next block's place, and the hash it must chain to. */
export type StreamPosition = { streamId: number; nextSeq: number; hash: Buffer };

/** Consecutive blocks of one stream, from `fromSeq` up to but not including `beforeSeq`. */
export type BlockRange = { streamId: number; fromSeq: number; beforeSeq: number };

/** What a tally needs of a block, and what its chain is checked by. */
export type TailedBlock = Pick<BlockContent, "streamId" | "seq" | "recordedAtMs" | "tally" | "prevHash"> & {
  hash: Buffer;
};

/**
 * Reads the primary as it is at that moment. What it gives may be on no standby yet and be gone after a failover:
 * good for provisional figures, never for an acknowledgement. Both calls are bounded in time, throw when the ledger
 * can't be read, may be repeated, and may run concurrently.
 */
export interface BlockSource {
  /** The positions of all streams that have a block, in no particular order. */
  heads(): Promise<StreamPosition[]>;
  /** The blocks of those ranges, those of a stream in order. What does not exist is left out. */
  blocksIn(ranges: readonly BlockRange[]): Promise<TailedBlock[]>;
}
