/**
 * A ledger in memory: streams with their compare-and-swap, ballots, seals, a log that a standby follows, and what a
 * restart and a failover do to all that. test/properties/real-ledger.test.ts holds it to PostgreSQL.
 */
import {
  type Ballot,
  type BallotKey,
  type Batch,
  ballotKey,
  type RecordedBallot,
  type RecordOutcome,
  type StreamHead,
} from "../../src/recording/ledger.ts";
import type { VirtualClock } from "../support/virtual-clock.ts";

const HASH = Buffer.alloc(32);

type Block = { batchId: string; ballots: RecordedBallot[] };
type Stream = { epoch: number; blocks: Block[] };

/** A committed transaction. `none` wrote nothing but WAL. */
type Commit =
  | { kind: "stream" | "none" }
  | { kind: "epoch"; streamId: number }
  | { kind: "seal"; contestLedgerId: number }
  | { kind: "block"; head: StreamHead; batch: Batch };

export type RecordAnswer = Extract<RecordOutcome, { outcome: "recorded" | "sealed" | "fenced" }>;

export class SimulatedLedger {
  readonly ballots = new Map<string, RecordedBallot>();
  /** By the same keys: the very ballot, as a lane submitted it, that became the row. */
  readonly origins = new Map<string, Ballot>();
  readonly sealed = new Set<number>();
  readonly streams = new Map<number, Stream>();
  /** Starts of a primary; a connection is to one of them, and what it sent dies with it. */
  life = 1;
  /** Told of each end of a life. */
  readonly onEndOfLife = new Set<() => void>();
  /** Told of every ballot that is newly recorded. */
  onRecorded: (ballot: Ballot) => void = () => undefined;
  /** Blocks that a failover lost. */
  blocksLost = 0;

  private log: Commit[] = [];
  /** How much of the log the standby has. */
  private replicated = 0;
  /** How much of the log it has been sent, while it is frozen. */
  private held: number | undefined;
  private failovers = 0;
  private waiting: { position: number; proceed: () => void }[] = [];

  constructor(private readonly clock: VirtualClock) {}

  /**
   * The recording statement, and when the place was taken or the stream has moved, what became of it. `looksUp`: those who
   * have a ballot are found before and not offered, so that they meet no seal.
   */
  record(head: StreamHead, batch: Batch, replicatesMs: number, looksUp: boolean): RecordAnswer {
    const stream = this.streams.get(head.streamId);
    const isThere = stream?.epoch === head.epoch && stream.blocks.length + 1 === head.nextSeq;
    if (isThere) {
      const contestLedgerId = this.sealMet(batch, looksUp);
      if (contestLedgerId !== undefined) return { outcome: "sealed", contestLedgerId };
      this.commit({ kind: "block", head, batch }, replicatesMs);
      for (const ballot of batch.ballots) {
        if (this.origins.get(ballotKey(ballot)) === ballot) this.onRecorded(ballot);
      }
    } else {
      this.commit({ kind: "none" }, replicatesMs);
      if (stream?.blocks[head.nextSeq - 1]?.batchId !== batch.batchId) {
        return { outcome: "fenced", error: new Error("another writer's") };
      }
    }
    const { epoch, blocks } = this.streams.get(head.streamId)!;
    const ballots = batch.ballots.map((ballot) => this.ballots.get(ballotKey(ballot))!);
    return { outcome: "recorded", ballots, head: { ...head, epoch, nextSeq: blocks.length + 1 } };
  }

  /** The contest whose seal the batch would meet, if any. */
  sealMet({ ballots }: Batch, looksUp: boolean): number | undefined {
    return ballots
      .filter((ballot) => !(looksUp && this.ballots.has(ballotKey(ballot))))
      .map(({ contestLedgerId }) => contestLedgerId)
      .sort((a, b) => a - b)
      .find((contest) => this.sealed.has(contest));
  }

  openStream(replicatesMs: number): StreamHead {
    this.commit({ kind: "stream" }, replicatesMs);
    return this.head(this.streams.size);
  }

  find(keys: readonly BallotKey[], replicatesMs: number): RecordedBallot[] {
    this.commit({ kind: "none" }, replicatesMs);
    return keys.flatMap((key) => this.ballots.get(ballotKey(key)) ?? []);
  }

  seal(contestLedgerId: number, replicatesMs: number): void {
    this.commit({ kind: "seal", contestLedgerId }, replicatesMs);
  }

  /** Another writer takes the stream over. */
  fence(streamId: number, replicatesMs: number): void {
    if (this.streams.has(streamId)) this.commit({ kind: "epoch", streamId }, replicatesMs);
  }

  head(streamId: number): StreamHead {
    const { epoch, blocks } = this.streams.get(streamId)!;
    return { streamId, epoch, nextSeq: blocks.length + 1, hash: HASH };
  }

  /** Whether a failover could not undo the seal. */
  isSealedForGood(contestLedgerId: number): boolean {
    return this.log
      .slice(0, this.replicated)
      .some((commit) => commit.kind === "seal" && commit.contestLedgerId === contestLedgerId);
  }

  /** Once the standby has everything that is committed now; never, when that is lost before. */
  whenReplicated(proceed: () => void): void {
    if (this.log.length <= this.replicated) proceed();
    else this.waiting.push({ position: this.log.length, proceed });
  }

  freezeStandby(): void {
    this.held ??= this.replicated;
  }

  thawStandby(): void {
    const { held } = this;
    this.held = undefined;
    if (held !== undefined) this.replicate(held);
  }

  /** The primary crashes and runs again: what was committed is there, whether the standby has it or not. */
  restart(): void {
    this.life++;
    for (const tell of [...this.onEndOfLife]) tell();
  }

  /** The standby takes the primary's place: what it did not have is gone. */
  failOver(): void {
    const lost = this.log.splice(this.replicated);
    this.blocksLost += lost.filter(({ kind }) => kind === "block").length;
    this.failovers++;
    this.waiting = [];
    if (this.held !== undefined) this.held = this.replicated;
    for (const all of [this.ballots, this.origins, this.sealed, this.streams]) all.clear();
    for (const commit of this.log) this.apply(commit);
    this.restart();
  }

  private commit(commit: Commit, replicatesMs: number): void {
    this.log.push(commit);
    this.apply(commit);
    const { failovers } = this;
    const position = this.log.length;
    this.clock.after(replicatesMs, () => {
      if (failovers !== this.failovers) return;
      if (this.held === undefined) this.replicate(position);
      else this.held = Math.max(this.held, position);
    });
  }

  private replicate(position: number): void {
    if (position <= this.replicated) return;
    this.replicated = position;
    const ready = this.waiting.filter((wait) => wait.position <= position);
    this.waiting = this.waiting.filter((wait) => wait.position > position);
    for (const { proceed } of ready) proceed();
  }

  private apply(commit: Commit): void {
    switch (commit.kind) {
      case "none":
        return;
      case "stream":
        this.streams.set(this.streams.size + 1, { epoch: 1, blocks: [] });
        return;
      case "epoch":
        this.streams.get(commit.streamId)!.epoch++;
        return;
      case "seal":
        this.sealed.add(commit.contestLedgerId);
        return;
      case "block":
        this.append(commit.head, commit.batch);
    }
  }

  private append({ streamId, nextSeq: seq }: StreamHead, { batchId, recordedAtMs, ballots }: Batch): void {
    const rows: RecordedBallot[] = [];
    for (const [index, ballot] of ballots.entries()) {
      const { contestLedgerId, voterKey, selections, nonce } = ballot;
      const key = ballotKey(ballot);
      if (this.ballots.has(key)) continue;
      const voted = { contestLedgerId, voterKey, selections, nonce };
      const row = { ...voted, streamId, seq, index, recordedAtMs, overridden: false };
      this.ballots.set(key, row);
      this.origins.set(key, ballot);
      rows.push(row);
    }
    this.streams.get(streamId)!.blocks.push({ batchId, ballots: rows });
  }
}
