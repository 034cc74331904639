/** The contests of the start page: asked of the ledger once a moment, however many people look. */
import type { Clock } from "../runtime/clock.ts";
import { contestJson } from "./contest-json.ts";
import type { ContestStore } from "./store.ts";

export type ContestListOptions = {
  /** How long an answer, or a failure, is told again. */
  lifetimeMs: number;
  contestsMax: number;
  clock: Clock;
};

export class ContestList {
  /** JSON text: a hundred contests of many options each are worth encoding once. */
  private answer: Promise<string> = Promise.resolve("");
  /** Infinity while the answer is on its way. */
  private askAgainAtMs = 0;

  constructor(
    private readonly store: Pick<ContestStore, "newestPublicContests">,
    private readonly options: ContestListOptions,
  ) {}

  /** The contract's answer, newest first, without drafts. Rejects as the store does. */
  text(): Promise<string> {
    const { lifetimeMs, clock } = this.options;
    if (clock.steadyMs() >= this.askAgainAtMs) {
      this.askAgainAtMs = Number.POSITIVE_INFINITY;
      this.answer = this.ask().finally(() => {
        this.askAgainAtMs = clock.steadyMs() + lifetimeMs;
      });
    }
    return this.answer;
  }

  private async ask(): Promise<string> {
    const contests = await this.store.newestPublicContests(this.options.contestsMax);
    const nowMs = this.options.clock.now();
    return JSON.stringify({ contests: contests.map((contest) => contestJson(contest, nowMs)) });
  }
}
