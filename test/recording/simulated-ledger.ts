/** A ledger in memory that fails before, during and after a commit, as a schedule says. */
import {
  type BallotFinder,
  type BallotKey,
  type Batch,
  ballotKey,
  type RecordedBallot,
  type RecordOutcome,
  type StreamHead,
  type StreamWriter,
} from "../../src/recording/ledger.ts";

/**
 * - `recorded`: as it should be.
 * - `refused`: nothing was written, and the writer knows.
 * - `lost_before`, `lost_after`: the answer is lost, of an attempt that was not, or was, applied.
 * - `late`: the answer is lost, and the attempt is applied just before the next one.
 */
export type Fault = "recorded" | "refused" | "lost_before" | "lost_after" | "late";

export class SimulatedLedger implements StreamWriter, BallotFinder {
  readonly ballots = new Map<string, RecordedBallot>();
  readonly sealed = new Set<number>();
  /** Attempts that ever ran, for tests that count them. */
  attempts = 0;
  /** When set, an attempt waits for it: a commit that hangs. */
  hang: Promise<void> | undefined;
  /** When set, connecting waits for it. */
  connecting: Promise<void> | undefined;
  private readonly blocks = new Map<number, string>();
  private nextSeq = 1;
  private late: (() => void) | undefined;

  constructor(private readonly schedule: Iterator<Fault> = [][Symbol.iterator]()) {}

  async connect(): Promise<void> {
    await this.connecting;
  }

  async openStream(): Promise<StreamHead> {
    return { streamId: 1, epoch: 1, nextSeq: this.nextSeq, hash: Buffer.alloc(32) };
  }

  async record(head: StreamHead, batch: Batch): Promise<RecordOutcome> {
    this.attempts++;
    await this.hang;
    this.late?.();
    this.late = undefined;
    const next = this.schedule.next();
    const fault = next.done ? "recorded" : next.value;
    const lost = new Error("the answer is lost");
    switch (fault) {
      case "refused":
        return { outcome: "not_recorded", error: new Error("refused") };
      case "lost_before":
        return { outcome: "unknown", error: lost };
      case "lost_after":
        this.apply(head, batch);
        return { outcome: "unknown", error: lost };
      case "late":
        this.late = () => this.apply(head, batch);
        return { outcome: "unknown", error: lost };
      case "recorded":
        return this.apply(head, batch);
    }
  }

  async find(keys: readonly BallotKey[]): Promise<RecordedBallot[]> {
    return keys.flatMap((key) => this.ballots.get(ballotKey(key)) ?? []);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  private apply(head: StreamHead, batch: Batch): RecordOutcome {
    if (head.nextSeq !== this.nextSeq) {
      if (this.blocks.get(head.nextSeq) !== batch.batchId) throw new Error("a lane took a place twice");
    } else {
      const sealed = batch.ballots.find(({ contestLedgerId }) => this.sealed.has(contestLedgerId));
      if (sealed !== undefined) return { outcome: "sealed", contestLedgerId: sealed.contestLedgerId };
      this.append(head, batch);
    }
    const ballots = batch.ballots.map((ballot) => this.ballots.get(ballotKey(ballot))!);
    return { outcome: "recorded", ballots, head: { ...head, nextSeq: this.nextSeq } };
  }

  private append(head: StreamHead, batch: Batch): void {
    for (const [index, ballot] of batch.ballots.entries()) {
      const { contestLedgerId, voterKey, selections, nonce } = ballot;
      if (this.ballots.has(ballotKey(ballot))) continue;
      this.ballots.set(ballotKey(ballot), {
        ...{ contestLedgerId, voterKey, selections, nonce, index, overridden: false },
        ...{ streamId: head.streamId, seq: head.nextSeq, recordedAtMs: batch.recordedAtMs },
      });
    }
    this.blocks.set(head.nextSeq, batch.batchId);
    this.nextSeq++;
  }
}
