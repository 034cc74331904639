/** A clock that stands still until the test moves it; pauses are real ones. */
import { type Clock, systemClock } from "../../src/runtime/clock.ts";

export type HandClock = Clock & { nowMs: number };

export function handClock(nowMs = 1_000): HandClock {
  return {
    nowMs,
    now() {
      return this.nowMs;
    },
    steadyMs() {
      return this.nowMs;
    },
    pause: systemClock.pause,
    nextTurn: systemClock.nextTurn,
  };
}
