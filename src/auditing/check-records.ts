/**
 * The recount's way through the records of partitions, stream by stream: every offset is in one block, and is there
 * either recorded or an exception, so that nothing that was accepted is unaccounted for.
 */
import {
  type BlockException,
  decodeExceptions,
  type ExceptionReason,
  encodeExceptions,
  type Place,
} from "../ledger/exceptions.ts";
import { countPlaces, hasPlace } from "../ledger/places.ts";
import type { BlockIndex } from "./block-index.ts";
import type { FindingSink } from "./findings.ts";
import type { BlockRow, RecountSource, StreamRow } from "./recount-source.ts";

/** How many records were not recorded, by why. */
export type ExceptionCounts = Record<ExceptionReason, number>;

export function noExceptions(): ExceptionCounts {
  return { duplicate: 0, not_open: 0, behind_barrier: 0, quarantined: 0, barrier: 0 };
}

export class RecordsCheck {
  readonly counts = noExceptions();
  /** Where each contest's barrier is, by contest and stream. */
  readonly barriers = new Map<number, Map<number, Place>>();
  /** Of the stream under way: the next block's first offset, and the offsets of what it excepted. */
  private nextOffset = 0;
  private quarantined: number[] = [];
  private readonly barrierPlaces = new Map<number, Place>();

  constructor(
    private readonly index: BlockIndex,
    private readonly findings: FindingSink,
  ) {}

  begin(): void {
    this.nextOffset = 0;
    this.quarantined = [];
    this.barrierPlaces.clear();
  }

  /** The stream's next block, which the index has already. */
  check(stream: StreamRow, block: BlockRow): void {
    const { source } = block;
    if ((source === null) !== (stream.source === null)) {
      const message =
        source === null ? "it has no offsets" : "it has offsets, and its stream is no partition's";
      this.findings.add("source_mismatch", placeOf(block), message);
      return;
    }
    if (source === null) return;
    const { firstOffset, nextOffset } = source;
    if (firstOffset !== this.nextOffset || nextOffset <= firstOffset) {
      const message = `it has the records from ${firstOffset} to below ${nextOffset}, the next one was ${this.nextOffset}`;
      this.findings.add("offset_gap", placeOf(block), message);
    }
    this.nextOffset = nextOffset;
    const exceptions = wellFormed(source.exceptions);
    if (exceptions === null) {
      this.findings.add("exceptions_malformed", placeOf(block), `${source.exceptions.length} bytes`);
      return;
    }
    this.checkAccounts(block, nextOffset - firstOffset, exceptions);
    for (const exception of exceptions) this.checkException(block, firstOffset, exception);
  }

  async end(source: RecountSource, { streamId, source: ofPartition }: StreamRow): Promise<void> {
    if (ofPartition === null) return;
    const { nextOffset } = ofPartition;
    if (nextOffset !== this.nextOffset) {
      const message = `its next offset is ${nextOffset}, and its last block ends at ${this.nextOffset}`;
      this.findings.add("next_offset_mismatch", { stream: streamId }, message);
    }
    await this.checkQuarantine(source, streamId, nextOffset);
    for (const { contestLedgerId, offset } of await source.barriers(streamId)) {
      // It was met since the frontier.
      if (offset >= nextOffset) continue;
      const place = this.barrierPlaces.get(offset);
      if (place === undefined) {
        const message = `the barrier of contest number ${contestLedgerId} is said to be at offset ${offset}`;
        this.findings.add("barrier_mismatch", { stream: streamId }, message);
        continue;
      }
      const ofContest = this.barriers.get(contestLedgerId) ?? new Map<number, Place>();
      this.barriers.set(contestLedgerId, ofContest.set(streamId, place));
    }
  }

  /** Every record once: as many places and exceptions as there are records, none of them of the same, none beyond. */
  private checkAccounts(block: BlockRow, records: number, exceptions: readonly BlockException[]): void {
    const { places } = block;
    const both = exceptions.filter(({ index }) => hasPlace(places, index));
    const recorded = countPlaces(places);
    let beyond = (exceptions.at(-1)?.index ?? -1) >= records;
    for (let index = Math.max(records, 0); index < places.length * 8; index++) {
      beyond ||= hasPlace(places, index);
    }
    if (both.length === 0 && !beyond && recorded + exceptions.length === records) return;
    const message =
      `of ${records} records ${recorded} are recorded and ${exceptions.length} are exceptions, ` +
      `${both.length} of them both${beyond ? ", and there are some beyond the last record" : ""}`;
    this.findings.add("record_unaccounted", placeOf(block), message);
  }

  private checkException(block: BlockRow, firstOffset: number, { index, reason, of }: BlockException): void {
    this.counts[reason]++;
    const place = { streamId: block.streamId, seq: block.seq, index };
    if (reason === "quarantined") this.quarantined.push(firstOffset + index);
    if (reason === "barrier") this.barrierPlaces.set(firstOffset + index, place);
    if (of === null || this.isBefore(of, place)) return;
    this.findings.add(
      "duplicate_of_nothing",
      { ...placeOf(block), index },
      `it is said to duplicate stream ${of.streamId}, block ${of.seq}, index ${of.index}`,
    );
  }

  /** A voter's ballots are all in one partition, so the first of them is in the same stream. */
  private isBefore(of: Place, { streamId, seq, index }: Place): boolean {
    if (of.streamId !== streamId || of.seq > seq || (of.seq === seq && of.index >= index)) return false;
    const block = this.index.find(of);
    return block !== null && this.index.isUnseen(block, of.index);
  }

  private async checkQuarantine(source: RecountSource, streamId: number, endOffset: number): Promise<void> {
    let at = 0;
    let different: number | undefined;
    for await (const offsets of source.quarantined(streamId, endOffset)) {
      for (const offset of offsets) {
        if (offset !== this.quarantined[at]) different ??= Math.min(offset, this.quarantined[at] ?? offset);
        at++;
      }
    }
    if (at < this.quarantined.length) different ??= this.quarantined[at];
    if (different === undefined) return;
    const message = `it has ${at} records, blocks say ${this.quarantined.length}; the first difference is at offset ${different}`;
    this.findings.add("quarantine_mismatch", { stream: streamId }, message);
  }
}

/** Null where these bytes are not exceptions in the one way in which they are laid out. */
function wellFormed(bytes: Buffer): BlockException[] | null {
  const exceptions = decodeExceptions(bytes);
  if (exceptions === null || !encodeExceptions(exceptions).equals(bytes)) return null;
  return exceptions.every(({ index }, i) => i === 0 || index > exceptions[i - 1]!.index) ? exceptions : null;
}

function placeOf({ streamId, seq }: BlockRow) {
  return { stream: streamId, seq };
}
