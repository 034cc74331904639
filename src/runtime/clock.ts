/** Two clocks: the time of day, which people and other machines share, and a steady one, which no adjustment moves. */
import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";

export type Clock = {
  /** Epoch milliseconds. */
  now(): number;
  /** Milliseconds since some instant: for durations and deadlines, never to be stored or sent. */
  steadyMs(): number;
  /** Resolves after `ms`, or at once when `end` is aborted; never rejects. */
  pause(ms: number, end?: AbortSignal): Promise<void>;
  /** Resolves when all that need not wait for anything has gone on. */
  nextTurn(): Promise<void>;
};

export const systemClock: Clock = {
  now: () => Date.now(),
  steadyMs: () => performance.now(),
  pause: (ms, signal) => pause(ms, undefined, { signal }).catch(() => undefined),
  nextTurn: () => nextTurn(),
};
