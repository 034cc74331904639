/** A tail: a running tally, and the place in every stream up to which it counts. */
import { GENESIS_HASH } from "../ledger/block.ts";
import type { BlockRange, StreamPosition, TailedBlock } from "./block-source.ts";
import { RunningTally } from "./running-tally.ts";

/**
 * The ledger is not the continuation of what was counted: after a failover the new primary may lack blocks that
 * the old one showed, and may have others in their places. Only counting everything again helps.
 */
export class LedgerRewoundError extends Error {
  readonly code = "ledger_rewound";
}

export class Tail {
  readonly tally = new RunningTally();
  /** Streams of which at least one block was counted. */
  private readonly positions = new Map<number, StreamPosition>();

  /** Throws {@link LedgerRewoundError} unless every counted block can still be there. */
  check(heads: readonly StreamPosition[]): void {
    let found = 0;
    for (const head of heads) {
      const counted = this.positions.get(head.streamId);
      if (counted === undefined) continue;
      found++;
      if (head.nextSeq < counted.nextSeq) {
        throw new LedgerRewoundError(
          `stream ${head.streamId} went back from ${counted.nextSeq} to ${head.nextSeq}`,
        );
      }
      if (head.nextSeq === counted.nextSeq && !head.hash.equals(counted.hash)) {
        throw new LedgerRewoundError(
          `stream ${head.streamId} has another block at ${head.nextSeq - 1} than before`,
        );
      }
    }
    if (found < this.positions.size) {
      throw new LedgerRewoundError(`${this.positions.size - found} streams are gone`);
    }
  }

  /** Where the blocks are that lead on to these heads, at most `blocksMax` of them; empty when all are counted. */
  wanted(heads: readonly StreamPosition[], blocksMax: number): BlockRange[] {
    const ranges: BlockRange[] = [];
    let blocks = 0;
    for (const { streamId, nextSeq } of heads) {
      if (blocks === blocksMax) break;
      const fromSeq = this.positions.get(streamId)?.nextSeq ?? 1;
      const beforeSeq = Math.min(nextSeq, fromSeq + blocksMax - blocks);
      if (beforeSeq <= fromSeq) continue;
      ranges.push({ streamId, fromSeq, beforeSeq });
      blocks += beforeSeq - fromSeq;
    }
    return ranges;
  }

  /** Counts a block. Throws {@link LedgerRewoundError} when it does not continue its stream. */
  add(block: TailedBlock, nowMs: number): void {
    const { streamId, seq, hash } = block;
    const counted = this.positions.get(streamId) ?? { streamId, nextSeq: 1, hash: GENESIS_HASH };
    if (seq !== counted.nextSeq) {
      throw new LedgerRewoundError(`stream ${streamId} has no block at ${counted.nextSeq}`);
    }
    if (!block.prevHash.equals(counted.hash)) {
      throw new LedgerRewoundError(
        `block ${seq} of stream ${streamId} does not chain to the block that was counted before it`,
      );
    }
    this.tally.add(block.tally, block.recordedAtMs, nowMs);
    this.positions.set(streamId, { streamId, nextSeq: seq + 1, hash });
  }
}
