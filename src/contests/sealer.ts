/** The sealer: makes closed contests final, after their drain, once nothing more can be recorded and all is counted. */
import type { Contest } from "../election/contest.ts";
import { countsOf } from "../election/counts.ts";
import { BLANK, type ContestTally, tallyDifferences } from "../election/tally.ts";
import type { Clock } from "../runtime/clock.ts";
import type { BufferedContests } from "./buffered-contests.ts";
import type { ContestStore } from "./store.ts";

export type SealerOptions = {
  /** How long after the close ballots that arrived before it may still be recorded. */
  drainMs: number;
  pollMs: number;
  /** A contest that could not be counted, or whose counts disagree, is counted again after twice as long each time. */
  recountPauseMs: number;
  recountPauseMsMax: number;
  clock: Clock;
  /** Null where no election is buffered. */
  buffered: BufferedContests | null;
  /** For a close that may not have been known early enough: moves it later. */
  announceAgain: (contest: Contest) => Promise<unknown>;
  onFinal: (contest: Contest, ballots: number) => void;
  onError: (contest: Contest | null, error: Error) => void;
};

type Failure = { pauseMs: number; againAtMs: number };

/** At once: one that takes long, or hangs, must not keep all others from being final. */
const COUNTS_MAX = 2;

export class Sealer {
  /** By uuid: the contests whose last count failed. Times are of the steady clock. */
  private readonly failures = new Map<string, Failure>();
  /** By uuid: the counts under way, which never reject. */
  private readonly counting = new Map<string, Promise<void>>();

  constructor(
    private readonly store: ContestStore,
    private readonly options: SealerOptions,
  ) {}

  /** Several sealers may run at once: every step is idempotent. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.finishClosed();
      await this.options.clock.pause(this.options.pollMs, signal);
    }
    await Promise.all(this.counting.values());
  }

  /** Seals all that have drained; counts them beside it, for a long count must not keep the next seal waiting. */
  private async finishClosed(): Promise<void> {
    try {
      const closedBeforeMs = this.options.clock.now() - this.options.drainMs;
      const contests = await this.store.contestsToFinish(closedBeforeMs);
      for (const contest of contests) if (await this.seal(contest, closedBeforeMs)) this.beginCount(contest);
    } catch (error) {
      this.options.onError(null, error as Error);
    }
  }

  private async seal(contest: Contest, closedBeforeMs: number): Promise<boolean> {
    try {
      if (!contest.closeIsKnown) {
        await this.options.announceAgain(contest);
        return false;
      }
      if (contest.sealedAtMs !== null) return true;
      if (contest.buffering !== null) {
        const buffered = this.bufferedOf(contest);
        // An extension that was sent in time and commits late must not find the barriers written.
        if (!(await this.store.isCloseFixed(contest))) return false;
        if (!(await buffered.passBarriers(contest))) return false;
        await buffered.seal(contest);
      }
      await this.store.seal(contest, closedBeforeMs);
      return true;
    } catch (error) {
      this.options.onError(contest, error as Error);
      return false;
    }
  }

  private bufferedOf({ id }: Contest): BufferedContests {
    if (this.options.buffered !== null) return this.options.buffered;
    throw new Error(`contest ${id} is buffered: start this role with --kafka to make it final`);
  }

  private beginCount(contest: Contest): void {
    const { uuid } = contest;
    if (this.counting.has(uuid) || this.counting.size >= COUNTS_MAX) return;
    const failure = this.failures.get(uuid);
    if (failure !== undefined && this.options.clock.steadyMs() < failure.againAtMs) return;
    this.counting.set(
      uuid,
      this.count(contest, failure).finally(() => this.counting.delete(uuid)),
    );
  }

  private async count(contest: Contest, failure: Failure | undefined): Promise<void> {
    const { clock, recountPauseMs, recountPauseMsMax, onError } = this.options;
    try {
      await this.publish(contest);
      this.failures.delete(contest.uuid);
    } catch (error) {
      const pauseMs = Math.min((failure?.pauseMs ?? recountPauseMs / 2) * 2, recountPauseMsMax);
      this.failures.set(contest.uuid, { pauseMs, againAtMs: clock.steadyMs() + pauseMs });
      onError(contest, error as Error);
    }
  }

  private async publish(contest: Contest): Promise<void> {
    const counting = contest.buffering === null ? this.store : this.bufferedOf(contest);
    const { ballots, blocks } = await counting.tallies(contest);
    const differences = tallyDifferences(
      "ballots",
      byUuid(contest, ballots),
      "blocks",
      byUuid(contest, blocks),
    );
    // It is not made final, and people must look.
    if (differences.length > 0) throw new Error(`the counts disagree: ${differences.join("; ")}`);
    await this.store.publishFinal(contest, this.options.clock.now(), ballots);
    this.options.onFinal(contest, countsOf(contest, ballots).ballots);
  }
}

function byUuid(contest: Contest, tally: ContestTally) {
  return new Map([[contest.uuid, tally.size === 0 ? new Map([[BLANK, 0]]) : tally]]);
}
