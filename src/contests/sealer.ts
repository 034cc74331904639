/** The sealer: makes closed contests final, after their drain, once nothing more can be recorded and all is counted. */
import { setTimeout as pause } from "node:timers/promises";
import type { Contest } from "../election/contest.ts";
import { countsOf } from "../election/counts.ts";
import { BLANK, type ContestTally, tallyDifferences } from "../election/tally.ts";
import type { ContestStore } from "./store.ts";

export type SealerOptions = {
  /** How long after the close ballots that arrived before it may still be recorded. */
  drainMs: number;
  pollMs: number;
  now: () => number;
  onFinal: (contest: Contest, ballots: number) => void;
  onError: (contest: Contest | null, error: Error) => void;
};

/** The ballots and the blocks of a sealed contest disagree: it is not made final, and people must look. */
export class CountsDisagreeError extends Error {
  readonly code = "counts_disagree";
}

export class Sealer {
  constructor(
    private readonly store: ContestStore,
    private readonly options: SealerOptions,
  ) {}

  /** Several sealers may run at once: every step is idempotent. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.finishClosed();
      await pause(this.options.pollMs, undefined, { signal }).catch(() => undefined);
    }
  }

  private async finishClosed(): Promise<void> {
    try {
      const closedBeforeMs = this.options.now() - this.options.drainMs;
      const contests = await this.store.contestsToFinish(closedBeforeMs);
      for (const contest of contests) {
        await this.finish(contest, closedBeforeMs).catch((error) => this.options.onError(contest, error));
      }
    } catch (error) {
      this.options.onError(null, error as Error);
    }
  }

  private async finish(contest: Contest, closedBeforeMs: number): Promise<void> {
    if (contest.sealedAtMs === null) await this.store.seal(contest, closedBeforeMs);
    const { ballots, blocks } = await this.store.tallies(contest);
    const differences = tallyDifferences(
      "ballots",
      byUuid(contest, ballots),
      "blocks",
      byUuid(contest, blocks),
    );
    if (differences.length > 0) throw new CountsDisagreeError(differences.join("; "));
    await this.store.publishFinal(contest, this.options.now(), ballots);
    this.options.onFinal(contest, countsOf(contest, ballots).ballots);
  }
}

function byUuid(contest: Contest, tally: ContestTally) {
  return new Map([[contest.uuid, tally.size === 0 ? new Map([[BLANK, 0]]) : tally]]);
}
