/** Waiting for no longer than one may. */

type Wait = { untilMs: number; expire: () => void };

/** How late an expiry may be told: one timer looks at all waits, for each of its own costs every ballot a microsecond. */
const SWEEP_MS = 50;

const waits = new Set<Wait>();
let sweeper: NodeJS.Timeout | undefined;

/** What the promise settles to, or after `timeoutMs` a rejection with `late()`; what it is waiting for goes on. */
export function withinTime<T>(promise: Promise<T>, timeoutMs: number, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const wait: Wait = { untilMs: performance.now() + timeoutMs, expire: () => reject(late()) };
    waits.add(wait);
    sweeper ??= setInterval(sweep, SWEEP_MS);
    promise.then(
      (value) => {
        waits.delete(wait);
        resolve(value);
      },
      (error) => {
        waits.delete(wait);
        reject(error);
      },
    );
  });
}

function sweep(): void {
  const nowMs = performance.now();
  for (const wait of waits) {
    if (wait.untilMs > nowMs) continue;
    waits.delete(wait);
    wait.expire();
  }
  if (waits.size > 0) return;
  clearInterval(sweeper);
  sweeper = undefined;
}
