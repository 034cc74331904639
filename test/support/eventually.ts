/** Waiting in a test for what nobody announces. */
import { setTimeout as pause } from "node:timers/promises";

/**
 * Asks until `ask` answers something true, and returns it. An answer that throws counts as not yet. After
 * `timeoutMs` the test fails with `what`, and with what was thrown last.
 */
export async function eventually<Answer>(
  what: string,
  ask: () => Answer | Promise<Answer>,
  timeoutMs = 30_000,
): Promise<Answer> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      const answer = await ask();
      if (answer) return answer;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await pause(25);
  }
  throw new Error(`not within ${timeoutMs} ms: ${what}`, { cause: last });
}
