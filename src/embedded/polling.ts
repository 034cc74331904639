/** Waiting for what nobody announces: a server that starts, a process that ends, a standby that catches up. */
import { setTimeout as pause } from "node:timers/promises";

const POLL_INTERVAL_MS = 20;

/**
 * Asks until the answer is neither undefined nor false, and returns it; undefined once `timeoutMs` have
 * passed. Asks at least once. What `ask` throws is thrown on.
 */
export async function poll<Answer>(
  timeoutMs: number,
  ask: () => Answer | Promise<Answer>,
): Promise<Exclude<Answer, undefined | false> | undefined> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer as Exclude<Answer, undefined | false>;
    if (performance.now() >= deadline) return undefined;
    await pause(POLL_INTERVAL_MS);
  }
}
