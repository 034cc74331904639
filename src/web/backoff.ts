/** Waiting times before another attempt: exponential, jittered, bounded, never before the server's Retry-After. */

export type Backoff = { firstMs: number; mostMs: number };

/** A Retry-After beyond this is taken for a mistake: nobody may be told to come back next year. */
const RETRY_AFTER_MS_MAX = 120_000;

/**
 * The wait before attempt `attempt` (2 is the first repetition). `random` is in [0, 1).
 * Half of the step is jitter, on top of Retry-After too: clients that failed together must not return together.
 */
export function backoffMs(backoff: Backoff, attempt: number, retryAfterMs: number, random: number): number {
  const stepMs = Math.min(backoff.mostMs, backoff.firstMs * 2 ** Math.min(attempt - 2, 30));
  const asked = Math.min(retryAfterMs, RETRY_AFTER_MS_MAX);
  return Math.round(Math.max(asked, stepMs / 2) + (stepMs / 2) * random);
}
