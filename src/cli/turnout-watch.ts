/** Watches a contest's turnout beside a load: how fast it grows, and whether it comes to what was counted. */
import { setTimeout as pause } from "node:timers/promises";
import { Administration, CallFailed, type Target } from "../client/administration.ts";
import { Patience } from "../client/patience.ts";
import type { ContestAnswer } from "../election/answers.ts";
import type { RecordingFigures } from "./load-figures.ts";
import { Progress, thousands } from "./progress.ts";

/** Results follow the ledger within half a second; on a machine under load it may take much longer. */
const RESULTS_DELAY_MS = 500;
/** A turnout that has not grown for so long is not waited for any more. */
const STANDSTILL_MS_MAX = 15_000;
const GIVE_UP_AFTER_MS = 5_000;
const POLL_MS = 100;

type Sample = { turnout: number; atMs: number };

export type SettledTurnout = {
  /** Null when the server does not tell it any more: the figures are shown all the same. */
  growth: number | null;
  recording: RecordingFigures | null;
};

export class TurnoutWatch {
  /** Of the time that the clock runs without a break: its first and its last. */
  private first: Sample | null = null;
  private last: Sample | null = null;
  /** Of such times before. */
  private readonly grown = { ballots: 0, ms: 0 };
  private asking: Promise<void> | null = null;

  private constructor(
    private readonly urna: Administration,
    private readonly contest: ContestAnswer,
    private readonly before: number,
  ) {}

  static async start(target: Target, contest: ContestAnswer): Promise<TurnoutWatch> {
    const urna = new Administration(target, new Patience(GIVE_UP_AFTER_MS));
    return new TurnoutWatch(urna, contest, (await urna.results(contest.id)).turnout);
  }

  /** Looks at it once, while the clock of a buffered contest's load runs; not while an earlier look is under way. */
  sample(): void {
    if (!this.contest.buffered) return;
    this.asking ??= this.look()
      .then((sample) => {
        this.first ??= sample;
        this.last = sample;
      })
      .catch(() => {})
      .finally(() => {
        this.asking = null;
      });
  }

  /** What grows while nothing is cast says nothing about how fast it does under load. */
  stopClock(): void {
    if (this.first !== null && this.last !== null) {
      this.grown.ballots += this.last.turnout - this.first.turnout;
      this.grown.ms += this.last.atMs - this.first.atMs;
    }
    this.first = null;
    this.last = null;
  }

  /** For the line of a second; empty where ballots are recorded directly. */
  words(): string {
    return this.last === null ? "" : `  recorded so far: ${thousands(this.last.turnout - this.before)}`;
  }

  /** The turnout's growth once it has caught up with the ballots counted and had time to go beyond them, or as it is at a standstill. */
  async settle(durable: number): Promise<SettledTurnout> {
    await this.asking;
    this.stopClock();
    const { ballots, ms } = this.grown;
    const recordedPerSecond = ms > 0 ? Math.round((ballots / ms) * 1000) : null;
    try {
      const drained = await this.catchUp(this.before + durable);
      await pause(RESULTS_DELAY_MS);
      const growth = (await this.look()).turnout - this.before;
      return { growth, recording: this.contest.buffered ? { recordedPerSecond, ...drained } : null };
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      const unseen = { recordedPerSecond, lagBallots: null, drainSeconds: null };
      return { growth: null, recording: this.contest.buffered ? unseen : null };
    }
  }

  private async catchUp(wanted: number): Promise<Omit<RecordingFigures, "recordedPerSecond">> {
    const first = await this.look();
    const lagBallots = Math.max(0, wanted - first.turnout);
    const progress =
      this.contest.buffered && lagBallots > 0 ? new Progress("recording", lagBallots, "ballots") : null;
    let grown = first;
    let now = first;
    while (now.turnout < wanted && now.atMs - grown.atMs < STANDSTILL_MS_MAX) {
      await pause(POLL_MS);
      now = await this.look();
      if (now.turnout > grown.turnout) grown = now;
      progress?.update(now.turnout - first.turnout);
    }
    progress?.finish(now.turnout - first.turnout);
    const drainSeconds = now.turnout < wanted ? null : Number(((now.atMs - first.atMs) / 1000).toFixed(2));
    return { lagBallots, drainSeconds };
  }

  private async look(): Promise<Sample> {
    const { turnout } = await this.urna.results(this.contest.id);
    return { turnout, atMs: performance.now() };
  }
}
