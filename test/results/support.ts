/** What the tests of live results share: contests, a ledger of blocks in memory, and its faults. */
import { createHash, randomBytes } from "node:crypto";
import { type Contest, UNCHANGED } from "../../src/election/contest.ts";
import { addTally, type Tally } from "../../src/election/tally.ts";
import { GENESIS_HASH } from "../../src/ledger/block.ts";
import type { BlockRange, BlockSource, StreamPosition, TailedBlock } from "../../src/results/block-source.ts";

export const NOW_MS = Date.parse("2026-03-01T20:00:00.500Z");

export const FIRST = "11111111-1111-4111-8111-111111111111";
export const SECOND = "22222222-2222-4222-8222-222222222222";

export function contestOf(changes: Partial<Contest> = {}): Contest {
  return {
    ledgerId: 1,
    id: "mayor",
    uuid: FIRST,
    electionUuid: "33333333-3333-4333-8333-333333333333",
    electionId: "city",
    title: "Mayor",
    method: "single-choice",
    options: ["Ada", "Bo", "Cy"].map((title, i) => ({ number: i + 1, title })),
    allowBlank: true,
    resultsVisible: "live",
    allowedOrigins: [],
    buffering: null,
    opensAtMs: NOW_MS - 3_600_000,
    closesAtMs: null,
    ...UNCHANGED,
    ...changes,
  };
}

/** `{1: 5}` is five votes for option 1 of the first contest. */
export function votes(counts: Record<number, number>, contestUuid = FIRST): Tally {
  return new Map([[contestUuid, new Map(Object.entries(counts).map(([option, n]) => [Number(option), n]))]]);
}

/** A ledger in memory that can go back, as after a failover, and fail. */
export class FakeLedger implements BlockSource {
  readonly streams = new Map<number, TailedBlock[]>();
  readonly calls: ("heads" | BlockRange[])[] = [];
  /** Thrown by every call while set. */
  failure: Error | undefined;
  /** Runs between a call's arrival and its answer. */
  before: (call: "heads" | "blocks") => void | Promise<void> = () => undefined;

  append(streamId: number, tally: Tally, recordedAtMs = NOW_MS): void {
    const blocks = this.streams.get(streamId) ?? [];
    const prevHash = blocks.at(-1)?.hash ?? GENESIS_HASH;
    const hash = createHash("sha256").update(prevHash).update(randomBytes(16)).digest();
    blocks.push({ streamId, seq: blocks.length + 1, recordedAtMs, tally, prevHash, hash });
    this.streams.set(streamId, blocks);
  }

  /** Forgets the last blocks of a stream; with none left it forgets the stream. */
  rollBack(streamId: number, blocks: number): void {
    const left = (this.streams.get(streamId) ?? []).slice(0, -blocks);
    if (left.length === 0) this.streams.delete(streamId);
    else this.streams.set(streamId, left);
  }

  /** The truth: what all blocks add up to. */
  sum(): Tally {
    const sum: Tally = new Map();
    for (const blocks of this.streams.values()) for (const { tally } of blocks) addTally(sum, tally);
    return sum;
  }

  async heads(): Promise<StreamPosition[]> {
    this.calls.push("heads");
    await this.before("heads");
    if (this.failure !== undefined) throw this.failure;
    return [...this.streams].map(([streamId, blocks]) => ({
      streamId,
      nextSeq: blocks.length + 1,
      hash: blocks.at(-1)!.hash,
    }));
  }

  async blocksIn(ranges: readonly BlockRange[]): Promise<TailedBlock[]> {
    this.calls.push([...ranges]);
    await this.before("blocks");
    if (this.failure !== undefined) throw this.failure;
    return ranges.flatMap(({ streamId, fromSeq, beforeSeq }) =>
      (this.streams.get(streamId) ?? []).slice(fromSeq - 1, beforeSeq - 1),
    );
  }
}
