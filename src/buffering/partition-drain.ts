/**
 * Drains one partition into its ledger, in order, each record once.
 *
 * Where it goes on is what the ledger says, in the ballots' own transaction; Kafka's committed offsets are for watching
 * alone. Nothing is ever skipped: what is no ballot is kept in quarantine, and a log that is not the one that was drained
 * so far stops this partition until people have looked.
 */

import { type BallotKey, ballotKey } from "../recording/ledger.ts";
import type { Clock } from "../runtime/clock.ts";
import { type ContestLookUp, type JudgedRecord, judgeAll, makeBlock, recordHash } from "./block-maker.ts";
import type { DrainedBlock, DrainHead, DrainLedger, PartitionKey } from "./drain.ts";
import type { LogReader, LogRecord, Topic } from "./log.ts";

export type PartitionDrainOptions = {
  key: PartitionKey;
  topic: Topic;
  /** In a block. */
  recordsMax: number;
  bytesMax: number;
  /** For the first record after there was none. */
  waitMs: number;
  /** After a block that is not half full the next one is begun so long after it was, and has what gathers meanwhile. */
  gatherMs: number;
  retryPauseMs: number;
  retryPauseMsMax: number;
  clock: Clock;
  onBlock: (block: DrainedBlock, durationMs: number) => void;
  onRetry: (error: Error) => void;
  /** The offset of the first record that is not drained yet: told when the log is right and was read, and after each block. */
  onDrained: (nextOffset: number) => void;
};

/** The log is not the continuation of what was drained: people must look before anything is recorded from it. */
export class LogMismatchError extends Error {
  readonly code = "log_mismatch";
}

/** Another recorder holds the partition's stream by now. */
export class StreamTakenError extends Error {
  readonly code = "stream_taken";
}

/** An index is an int2 in the ledger. */
export const RECORDS_A_BLOCK_MAX = 32_767;

export class PartitionDrain {
  /** Whether the log is known to be the one that was drained so far. */
  private isChecked = false;

  constructor(
    private readonly log: LogReader,
    private readonly ledger: DrainLedger,
    private readonly contests: ContestLookUp,
    private readonly options: PartitionDrainOptions,
  ) {}

  /**
   * Until the signal. Throws {@link LogMismatchError}, OffsetOutOfRangeError, or {@link StreamTakenError}; everything
   * else is tried again.
   */
  async run(signal: AbortSignal): Promise<void> {
    // Whoever can't ask the log must not take the partition from one who can.
    await this.again(signal, () => this.log.topic(this.options.topic.name));
    let head = await this.again(signal, () => this.ledger.claim(this.options.key));
    while (head !== null && !signal.aborted) {
      const current: DrainHead = head;
      const records = await this.again(signal, () => this.next(current));
      if (records === null) return;
      if (records.length === 0) continue;
      const begunAtMs = this.options.clock.steadyMs();
      head = await this.drain(current, records, signal);
      if (head === null) return;
      this.options.onDrained(head.nextOffset);
      if (this.areFew(records)) await this.gather(begunAtMs, signal);
    }
  }

  private areFew(records: readonly LogRecord[]): boolean {
    const { recordsMax, bytesMax } = this.options;
    const bytes = records.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0);
    return records.length < recordsMax / 2 && bytes < bytesMax / 2;
  }

  /** A small block costs brokers, recorder and ledger nearly what a large one does. */
  private async gather(begunAtMs: number, signal: AbortSignal): Promise<void> {
    const { clock, gatherMs } = this.options;
    const leftMs = begunAtMs + gatherMs - clock.steadyMs();
    if (leftMs > 0) await clock.pause(leftMs, signal);
  }

  /** What follows the head. Whenever the log has not answered it may be another one when it answers again. */
  private async next(head: DrainHead): Promise<LogRecord[]> {
    const wasChecked = this.isChecked;
    this.isChecked = false;
    if (!wasChecked) await this.checkLog(head);
    const records = await this.read(head.nextOffset);
    this.isChecked = true;
    if (!wasChecked) this.options.onDrained(head.nextOffset);
    return records;
  }

  /** Whether the log is still the one of which this much was drained. */
  private async checkLog({ nextOffset, lastRecord }: DrainHead): Promise<void> {
    const { topic, key } = this.options;
    const now = await this.log.topic(topic.name);
    if (now?.id !== topic.id) {
      const found = now === null ? "is gone" : `was made anew: its id is ${now.id}, and was ${topic.id}`;
      throw new LogMismatchError(`topic ${topic.name} ${found}`);
    }
    const { earliest, next } = await this.log.bounds(topic, key.partition);
    const place = `partition ${key.partition} of ${topic.name}`;
    if (next < nextOffset) {
      throw new LogMismatchError(
        `${place} ends at ${next}, and was drained up to ${nextOffset}: it was cut off`,
      );
    }
    if (earliest > nextOffset) {
      throw new LogMismatchError(
        `${place} begins at ${earliest}, and was drained up to ${nextOffset}: records are gone`,
      );
    }
    // The record before may have been deleted by retention, none after it.
    if (nextOffset === 0 || earliest === nextOffset) return;
    const [before] = await this.log.read(topic, key.partition, nextOffset - 1, this.readBounds(1));
    if (before?.offset !== nextOffset - 1 || lastRecord === null || !recordHash(before).equals(lastRecord)) {
      throw new LogMismatchError(
        `${place} has another record at ${nextOffset - 1} than the one that was drained`,
      );
    }
  }

  private async read(fromOffset: number): Promise<LogRecord[]> {
    const { topic, key, bytesMax, recordsMax } = this.options;
    const records = (await this.log.read(topic, key.partition, fromOffset, this.readBounds(bytesMax))).slice(
      0,
      Math.min(recordsMax, RECORDS_A_BLOCK_MAX),
    );
    records.forEach(({ offset }, i) => {
      if (offset === fromOffset + i) return;
      throw new LogMismatchError(
        `partition ${key.partition} of ${topic.name} has no record at ${fromOffset + i}: the next one is at ${offset}`,
      );
    });
    return records;
  }

  private readBounds(bytesMax: number) {
    return { bytesMax, waitMs: this.options.waitMs };
  }

  /** Null when the signal came before the outcome was known; whoever holds the partition next finds out. */
  private async drain(
    head: DrainHead,
    records: readonly LogRecord[],
    signal: AbortSignal,
  ): Promise<DrainHead | null> {
    const { key, clock } = this.options;
    const judged = await this.again(signal, () => judgeAll(records, key, this.contests));
    if (judged === null) return null;
    // While an outcome is open the very same block is submitted again: its id tells whether it is recorded.
    let open: DrainedBlock | null = null;
    const startedMs = clock.steadyMs();
    return this.again(signal, async () => {
      const block: DrainedBlock = open ?? (await this.makeBlock(head, judged));
      const outcome = await this.ledger.record(head, block);
      if (outcome.outcome === "recorded") {
        this.options.onBlock(block, clock.steadyMs() - startedMs);
        return outcome.head;
      }
      open = outcome.outcome === "unknown" ? block : open;
      throw outcome.outcome === "fenced" ? new StreamTakenError(outcome.error.message) : outcome.error;
    });
  }

  private async makeBlock(head: DrainHead, records: readonly JudgedRecord[]): Promise<DrainedBlock> {
    const keys = new Map<string, BallotKey>();
    for (const record of records) {
      if (record.is !== "ballot") continue;
      const key = { contestLedgerId: record.contest.ledgerId, voterKey: record.ballot.voterKey };
      keys.set(ballotKey(key), key);
    }
    const recorded = keys.size === 0 ? new Map() : await this.ledger.places([...keys.values()]);
    return makeBlock(head, records, recorded, this.options.clock.now());
  }

  /** Tries until it works; null when the signal came first. What no trying mends is thrown. */
  private async again<T>(signal: AbortSignal, attempt: () => Promise<T>): Promise<T | null> {
    const { clock, retryPauseMs, retryPauseMsMax, onRetry } = this.options;
    let pauseMs = retryPauseMs;
    while (!signal.aborted) {
      try {
        return await attempt();
      } catch (error) {
        if (isForPeople(error as Error)) throw error;
        onRetry(error as Error);
        await clock.pause(pauseMs * (0.5 + Math.random() / 2), signal);
        pauseMs = Math.min(pauseMs * 2, retryPauseMsMax);
      }
    }
    return null;
  }
}

const FINAL = new Set(["log_mismatch", "stream_taken", "offset_out_of_range"]);

function isForPeople(error: Error): boolean {
  return FINAL.has((error as { code?: string }).code ?? "");
}
