/**
 * A shared tally: one process counts what the ledger records, tells the others, and they show what they are told.
 *
 * Everybody has a tailer. The leader's follows the ledger as it always does, and every poll is told to the others. A
 * follower's asks the ledger only now and then, which keeps it warm, and shows whether what was told is so: it is
 * believed only after the ledger has confirmed it once, and no longer than until the ledger contradicts it. Whoever
 * hears nothing for a moment counts by itself again, from where its own tailer is, and may become the leader.
 *
 * What is told can be late, repeated, made up or missing, then: the figures that are shown are those of the ledger, or
 * were confirmed by it a moment ago. Two leaders do no harm, for both tell what they read in the ledger.
 */
import type { Clock } from "../runtime/clock.ts";
import type { ShownTally, Tailed } from "./figures.ts";
import { exceeds, parseSnapshot, type Snapshot, snapshotText } from "./snapshot.ts";

/**
 * How processes tell each other snapshots, and agree who leads. Nothing of it is durable or certain: messages may be
 * lost, repeated or made up, and there may be two leaders, or none. No call throws, none takes longer than a moment.
 */
export interface SnapshotRelay {
  /** Calls this for every message that comes, those of this process too. */
  onMessage(hear: (text: string) => void): void;
  tell(text: string): void;
  /** Becomes the leader, or stays it, for `leaseMs`; false when another one is, or nobody can know. Repeat it. */
  lead(leaseMs: number): Promise<boolean>;
  /** Lets another one lead. */
  resign(): Promise<void>;
}

export type SharedTallyOptions = {
  clock: Clock;
  /** What is told is believed, or not any more, because the ledger says so. */
  onTrust: (isTrusted: boolean) => void;
};

/** Without a snapshot for so long a follower counts by itself: a leader tells ten a second. */
export const SILENCE_MS_MAX = 1_000;
/** So often a follower asks the ledger, which bounds how long a lie may be shown. */
export const CHECK_MS = 2_000;
export const LEASE_MS = 2_000;
const LEASE_POLL_MS = 500;
/** A follower that can't ask the ledger any more goes on for so long: nothing would contradict what it is told. */
export const UNCHECKED_MS_MAX = 10_000;
/** Whoever told what the ledger contradicts is not believed for so long, whatever it confirms meanwhile. */
export const DISTRUST_MS = 30_000;
/** A snapshot as of another moment than this is an old one, or made up; clocks may be apart. */
const AS_OF_APART_MS_MAX = 5_000;

export class SharedTally implements Tailed {
  private shown: { tally: ShownTally; asOfMs: number | null };
  /** Whether the ledger confirmed what was told. */
  private isTrusted = false;
  /** By the steady clock. */
  private trustableFromMs = Number.NEGATIVE_INFINITY;
  private heard: Snapshot | null = null;
  /** What was heard last when the poll that is under way began. */
  private checked: Snapshot | null = null;
  private refusedCount = 0;
  /** These four by the steady clock: of the last snapshot that was shown, poll, finished poll; until then it leads. */
  private followedAtMs = Number.NEGATIVE_INFINITY;
  private polledAtMs = Number.NEGATIVE_INFINITY;
  private countedAtMs = Number.NEGATIVE_INFINITY;
  private leadsUntilMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly own: Tailed,
    private readonly relay: SnapshotRelay,
    private readonly options: SharedTallyOptions,
  ) {
    this.shown = own;
    relay.onMessage((text) => this.hear(text));
  }

  get tally(): ShownTally {
    return this.shown.tally;
  }

  get asOfMs(): number | null {
    return this.shown.asOfMs;
  }

  get leads(): boolean {
    return this.options.clock.steadyMs() < this.leadsUntilMs;
  }

  /** Whether what is shown comes from the leader. */
  get follows(): boolean {
    if (!this.isTrusted || this.leads) return false;
    return this.since(this.followedAtMs) < SILENCE_MS_MAX && this.since(this.countedAtMs) < UNCHECKED_MS_MAX;
  }

  /** Snapshots that were not believed. */
  get refused(): number {
    return this.refusedCount;
  }

  /** Of the tailer's pace: a follower's own count is needed now and then. */
  isDue(): boolean {
    if (this.follows && this.since(this.polledAtMs) < CHECK_MS) return false;
    this.polledAtMs = this.options.clock.steadyMs();
    this.checked = this.heard;
    return true;
  }

  /** Of the tailer's pace: the ledger's word on what was heard before, and what is shown unless another leads. */
  onCounted(): void {
    this.countedAtMs = this.options.clock.steadyMs();
    const { tally, asOfMs } = this.own;
    const isContradicted = this.checked !== null && exceeds(this.checked.counts, tally.counts);
    if (this.checked !== null) this.trust(!isContradicted);
    this.checked = null;
    if (this.follows) return;
    // One that was begun before what is shown was heard may be older than that.
    if (this.polledAtMs > this.followedAtMs || isContradicted) this.shown = { tally, asOfMs };
    if (!this.leads || asOfMs === null) return;
    const text = snapshotText({ counts: tally.counts, asOfMs });
    if (text !== null) this.relay.tell(text);
  }

  /** Seeks to lead while it counts and nobody else does, until the signal. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.options;
    while (!signal.aborted) {
      await this.seekLead();
      await clock.pause(LEASE_POLL_MS, signal);
    }
    await this.resign();
  }

  /** Leads or goes on leading where nobody else does; who can't read the ledger must not. One call at a time. */
  async seekLead(): Promise<void> {
    if (this.follows || this.since(this.countedAtMs) > SILENCE_MS_MAX) return this.resign();
    const askedAtMs = this.options.clock.steadyMs();
    const leads = await this.relay.lead(LEASE_MS);
    this.leadsUntilMs = leads ? askedAtMs + LEASE_MS : Number.NEGATIVE_INFINITY;
  }

  private async resign(): Promise<void> {
    if (!this.leads) return;
    this.leadsUntilMs = Number.NEGATIVE_INFINITY;
    await this.relay.resign();
  }

  private hear(text: string): void {
    if (this.leads) return;
    const snapshot = parseSnapshot(text);
    if (snapshot === null || !this.isNews(snapshot)) {
      this.refusedCount++;
      return;
    }
    this.heard = snapshot;
    if (!this.isTrusted || this.since(this.countedAtMs) >= UNCHECKED_MS_MAX) return;
    this.followedAtMs = this.options.clock.steadyMs();
    const { own } = this;
    this.shown = {
      asOfMs: snapshot.asOfMs,
      // A follower's own history is a moment old at most, and need not be told.
      tally: {
        counts: snapshot.counts,
        turnoutSeries: (uuid, nowMs) => own.tally.turnoutSeries(uuid, nowMs),
      },
    };
  }

  /** As of about now, newer than what was heard before, and no count lower than what is shown. */
  private isNews({ counts, asOfMs }: Snapshot): boolean {
    if (Math.abs(asOfMs - this.options.clock.now()) > AS_OF_APART_MS_MAX) return false;
    if (this.heard !== null && asOfMs <= this.heard.asOfMs) return false;
    return !exceeds(this.shown.tally.counts, counts);
  }

  private trust(isTrusted: boolean): void {
    const steadyMs = this.options.clock.steadyMs();
    if (!isTrusted) {
      this.heard = null;
      this.trustableFromMs = steadyMs + DISTRUST_MS;
    }
    if (this.isTrusted === isTrusted || (isTrusted && steadyMs < this.trustableFromMs)) return;
    this.isTrusted = isTrusted;
    this.options.onTrust(isTrusted);
  }

  private since(steadyMs: number): number {
    return this.options.clock.steadyMs() - steadyMs;
  }
}
