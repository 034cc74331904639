/**
 * The tailer: follows the ledger's blocks and keeps the running tally.
 *
 * Each poll asks for every stream's head, reads the blocks that are new, and checks that each chains to the one
 * before. When the ledger turns out not to be the continuation of what was counted, everything is counted again
 * from the first block, by the same function, while the figures of before go on being shown. It polls because a
 * NOTIFY takes a lock of the whole database at its commit, one after the other, which the recording lanes would pay.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { BlockSource, StreamPosition } from "./block-source.ts";
import type { RunningTally } from "./running-tally.ts";
import { LedgerRewoundError, Tail } from "./tail.ts";

export type TailerOptions = {
  pollMs: number;
  /** After a failed poll the next one comes later and later, at most so late. */
  retryMsMax: number;
  /** Blocks read by one statement. */
  blocksMax: number;
  now: () => number;
  log: { warn: (details: object, message: string) => void };
};

/** When a tailer asks the ledger, and who is told when it has counted. */
export type Pace = { isDue(): boolean; onCounted(): void };

const ALWAYS: Pace = { isDue: () => true, onCounted: () => undefined };

/** The ledger's primary has a head, but not all the blocks before it: it changed between two reads, or is damaged. */
export class BlocksMissingError extends Error {
  readonly code = "blocks_missing";
}

export class Tailer {
  /** Written by poll() alone; the one being filled, while everything is counted again. */
  private tail = new Tail();
  private shownTally = this.tail.tally;
  private shownAsOfMs: number | null = null;
  private rebuildCount = 0;
  private failureCount = 0;
  private blockCount = 0;

  constructor(
    private readonly source: BlockSource,
    private readonly options: TailerOptions,
  ) {}

  /** The figures to show: complete as of {@link asOfMs}. Another object after a rebuild. */
  get tally(): RunningTally {
    return this.shownTally;
  }

  /** Everything that was visible in the ledger at this instant is in the figures; null until they are first complete. */
  get asOfMs(): number | null {
    return this.shownAsOfMs;
  }

  /** How often everything was counted again. */
  get rebuilds(): number {
    return this.rebuildCount;
  }

  get failures(): number {
    return this.failureCount;
  }

  get blocks(): number {
    return this.blockCount;
  }

  /** Polls until the signal. Never rejects: without the ledger the figures grow old, and say so. */
  async run(signal: AbortSignal, pace = ALWAYS): Promise<void> {
    let retryMs = this.options.pollMs;
    while (!signal.aborted) {
      const polling = pace.isDue() ? this.poll(signal).then(() => pace.onCounted()) : Promise.resolve();
      const pauseMs = await polling.then(
        () => {
          retryMs = this.options.pollMs;
          return this.options.pollMs;
        },
        (error) => {
          this.options.log.warn({ err: error }, failureMessage(error));
          retryMs = Math.min(retryMs * 2, this.options.retryMsMax);
          return retryMs * (0.5 + Math.random() / 2);
        },
      );
      await pause(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /**
   * Brings the figures up to the ledger as it is now. Throws when it can't: the next poll goes on from what was
   * counted, or from nothing when the ledger went back.
   */
  async poll(signal: AbortSignal): Promise<void> {
    const asOfMs = this.options.now();
    try {
      const heads = await this.source.heads();
      this.tail.check(heads);
      await this.countUpTo(heads, signal);
    } catch (error) {
      this.failureCount++;
      if (error instanceof LedgerRewoundError) {
        this.rebuildCount++;
        this.tail = new Tail();
      }
      throw error;
    }
    if (signal.aborted) return;
    this.shownTally = this.tail.tally;
    this.shownAsOfMs = asOfMs;
  }

  /** In bounded steps, since there may be millions of blocks at first. */
  private async countUpTo(heads: readonly StreamPosition[], signal: AbortSignal): Promise<void> {
    const { blocksMax, now } = this.options;
    while (!signal.aborted) {
      const ranges = this.tail.wanted(heads, blocksMax);
      if (ranges.length === 0) return;
      const wanted = ranges.reduce((sum, { fromSeq, beforeSeq }) => sum + beforeSeq - fromSeq, 0);
      const blocks = await this.source.blocksIn(ranges);
      for (const block of blocks) this.tail.add(block, now());
      this.blockCount += blocks.length;
      if (blocks.length < wanted) {
        throw new BlocksMissingError(`${wanted - blocks.length} of ${wanted} blocks are missing`);
      }
    }
  }
}

function failureMessage(error: unknown): string {
  return error instanceof LedgerRewoundError
    ? "the ledger went back, as after a failover: all blocks are counted again"
    : "live results could not be brought up to date: trying again";
}
