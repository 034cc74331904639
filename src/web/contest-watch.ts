/** Keeps a page's contest up to date: asks until it has the contest, then only as often as contest-clock.ts says. */

import type { ContestAnswer } from "../election/answers.ts";
import { getContest } from "./api.ts";
import { backoffMs } from "./backoff.ts";
import { nextLookMs, nextTurnMs, type Standing, standingAt } from "./contest-clock.ts";

const LOAD = { firstMs: 1_000, mostMs: 60_000 };
/** Timers of browsers overflow after 24 days; waking up now and then costs nothing. */
const SLEEP_MS_MAX = 3_600_000;
const HURRY_MS_MAX = 5_000;

export class ContestWatch {
  contest: ContestAnswer | null = null;
  problem: "missing" | "unavailable" | null = null;
  private clockOffsetMs = 0;
  /** Looks since the standing last changed, and failed looks in a row. */
  private looks = 0;
  private failures = 0;
  private lookAtMs: number | null = null;
  private looking = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly contestId: string,
    private readonly changed: () => void,
  ) {
    document.addEventListener("visibilitychange", () => this.wake());
  }

  /** This device's clock, corrected by the server's. */
  nowMs(): number {
    return Date.now() + this.clockOffsetMs;
  }

  standing(): Standing | null {
    return this.contest === null ? null : standingAt(this.contest, this.nowMs());
  }

  async look(): Promise<void> {
    if (this.looking) return;
    this.looking = true;
    const before = this.standing();
    const answer = await getContest(this.contestId);
    this.looking = false;
    if (typeof answer === "object") {
      this.contest = answer.found;
      this.clockOffsetMs = answer.clockOffsetMs;
      this.problem = null;
      this.failures = 0;
    } else {
      // A contest that was seen once stays on the page: an overloaded server must not take the form away.
      if (this.contest === null) this.problem = answer;
      this.failures++;
    }
    this.looks = this.standing() === before ? this.looks + 1 : 0;
    this.planLook();
    this.changed();
  }

  /** Looks again soon, because an answer has shown that the page's contest is out of date. */
  lookSoon(): void {
    this.lookAtMs = this.nowMs() + Math.random() * HURRY_MS_MAX;
    this.sleep();
  }

  private planLook(): void {
    const waitMs = this.waitMs();
    this.lookAtMs = waitMs === null ? null : this.nowMs() + waitMs;
    this.sleep();
  }

  private waitMs(): number | null {
    if (this.problem === "missing") return null;
    if (this.failures > 0) return backoffMs(LOAD, this.failures + 1, 0, Math.random());
    if (this.contest === null) return null;
    return nextLookMs(this.contest, this.nowMs(), this.looks, Math.random());
  }

  private sleep(): void {
    clearTimeout(this.timer);
    const nowMs = this.nowMs();
    const turnMs = this.contest === null ? null : nextTurnMs(this.contest, nowMs);
    const untilMs = Math.min(this.lookAtMs ?? Infinity, turnMs ?? Infinity, nowMs + SLEEP_MS_MAX);
    const turns = untilMs === turnMs;
    this.timer = setTimeout(() => (turns ? this.turn() : this.wake()), Math.max(0, untilMs - nowMs));
  }

  private turn(): void {
    this.looks = 0;
    this.planLook();
    this.changed();
  }

  /** Pages in the background do not ask: they do as soon as they are seen again. */
  private wake(): void {
    const due = this.lookAtMs !== null && this.nowMs() >= this.lookAtMs;
    if (!due) this.sleep();
    else if (document.visibilityState === "visible") this.look();
  }
}
