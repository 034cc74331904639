/** A log in memory for tests of what reads it: it can be cut off, made anew, begin later, and have gaps. */
import { randomUUID } from "node:crypto";
import {
  type LogReader,
  type LogRecord,
  OffsetOutOfRangeError,
  type Topic,
} from "../../src/buffering/log.ts";
import { type BallotRecord, type BarrierRecord, encodeRecord } from "../../src/buffering/record.ts";

export class MemoryLog implements LogReader {
  id: string = randomUUID();
  earliest = 0;
  /** Of one partition, whatever its number. */
  records: LogRecord[] = [];
  /** Reads to come fail with it. */
  failure: Error | null = null;
  private wake: () => void = () => undefined;

  add(...records: (BallotRecord | BarrierRecord | Buffer | null)[]): void {
    for (const record of records) {
      const value = record === null || Buffer.isBuffer(record) ? record : encodeRecord(record);
      this.records.push({ offset: this.next, key: null, value });
    }
    this.wake();
  }

  get next(): number {
    return (this.records.at(-1)?.offset ?? this.earliest - 1) + 1;
  }

  async topic() {
    return { id: this.id, partitions: 4 };
  }

  async bounds() {
    return { earliest: this.earliest, next: this.next };
  }

  async read(
    _: Topic,
    __: number,
    fromOffset: number,
    { bytesMax, waitMs }: { bytesMax: number; waitMs: number },
  ) {
    if (this.failure !== null) throw this.failure;
    if (fromOffset < this.earliest || fromOffset > this.next)
      throw new OffsetOutOfRangeError(`no ${fromOffset}`);
    if (fromOffset === this.next) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        setTimeout(resolve, waitMs);
      });
    }
    const records: LogRecord[] = [];
    let bytes = 0;
    for (const record of this.records.filter(({ offset }) => offset >= fromOffset)) {
      bytes += record.value?.length ?? 0;
      if (records.length > 0 && bytes > bytesMax) break;
      records.push(record);
    }
    return records;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
