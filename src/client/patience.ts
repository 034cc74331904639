/** Patience: how long a client goes on repeating what has had no final answer yet, and how it waits in between. */
import { setTimeout as pause } from "node:timers/promises";

const FIRST_PAUSE_MS = 100;
const PAUSE_MS_MAX = 5_000;
const TIMER_EARLY_MS = 2;

/**
 * Shared by everything that waits for one server: one final answer anywhere shows that the server is there, and
 * renews the patience of all. Owner of `lastProgressMs` is whoever gets an answer, through {@link progressed}.
 */
export class Patience {
  private lastProgressMs = performance.now();

  /** Without a final answer for `giveUpAfterMs`, or once `stop` is aborted, nothing is repeated any more. */
  constructor(
    private readonly giveUpAfterMs: number,
    private readonly stop: AbortSignal | null = null,
  ) {}

  /** A final answer arrived. */
  progressed(): void {
    this.lastProgressMs = performance.now();
  }

  /**
   * Waits before the repetition number `attempt` (1-based): as long as the server asked for, or longer and longer
   * with jitter, so that a returning server does not meet everybody at once. False when it is time to give up.
   */
  async pause(attempt: number, retryAfterMs: number | null): Promise<boolean> {
    const remainingMs = this.remainingMs();
    if (remainingMs <= 0) return false;
    const wantedMs = pauseMs(attempt, retryAfterMs, Math.random());
    const until = this.stop === null ? {} : { signal: this.stop };
    // It rejects when it is stopped, which the remaining time tells as well.
    await pause(Math.min(wantedMs, remainingMs), undefined, until).catch(() => {});
    // A timer may fire a little early: having waited for all that was left is the end, whatever the clock says. But
    // an answer that arrived meanwhile renews everybody's patience.
    return this.remainingMs() > TIMER_EARLY_MS;
  }

  private remainingMs(): number {
    if (this.stop?.aborted) return 0;
    return this.lastProgressMs + this.giveUpAfterMs - performance.now();
  }
}

/** The pause before a repetition: the server's wish, up to a bound, or half to the whole of a doubling step. */
export function pauseMs(attempt: number, retryAfterMs: number | null, random: number): number {
  if (retryAfterMs !== null) return Math.min(retryAfterMs, PAUSE_MS_MAX);
  const step = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), PAUSE_MS_MAX);
  return step * (0.5 + random / 2);
}
