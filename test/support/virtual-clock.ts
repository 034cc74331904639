/**
 * Time that passes only when nothing else can happen: whoever waits is woken in order, and between two instants every
 * promise that can settle has settled. Nothing waits for real, so that a schedule runs in a fraction of a millisecond,
 * and runs the same way every time.
 */
import { drainMicrotasks } from "bun:jsc";
import type { Clock } from "../../src/runtime/clock.ts";

/** Some day: whoever takes one clock for the other is wrong by decades. */
const EPOCH_MS = 1_700_000_000_000;

type Event = { atMs: number; happen: () => void };

export class VirtualClock implements Clock {
  private elapsedMs = 0;
  /** Soonest first; those of one instant in the order in which they were asked for. */
  private readonly events: Event[] = [];

  now(): number {
    return EPOCH_MS + this.elapsedMs;
  }

  steadyMs(): number {
    return this.elapsedMs;
  }

  pause(ms: number, end?: AbortSignal): Promise<void> {
    if (end?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.after(ms, resolve);
      end?.addEventListener("abort", () => resolve());
    });
  }

  nextTurn(): Promise<void> {
    return this.pause(0);
  }

  after(ms: number, happen: () => void): void {
    const atMs = this.elapsedMs + ms;
    let place = this.events.length;
    while (place > 0 && this.events[place - 1]!.atMs > atMs) place--;
    this.events.splice(place, 0, { atMs, happen });
  }

  /** Lets time pass until nothing is left to happen, or until `isEnough`. Throws when that takes too many events. */
  run(isEnough: () => boolean = () => false): void {
    drainMicrotasks();
    for (let left = 100_000; !isEnough(); left--) {
      const event = this.events.shift();
      if (event === undefined) return;
      if (left === 0) throw new Error(`it never comes to rest: ${this.elapsedMs} ms have passed`);
      this.elapsedMs = event.atMs;
      event.happen();
      drainMicrotasks();
    }
  }

  /** What the promise settles to, however long that takes. Throws when it never settles. */
  settle<T>(promise: Promise<T>): T {
    let settled: { value: T } | { error: unknown } | undefined;
    promise.then(
      (value) => (settled = { value }),
      (error) => (settled = { error }),
    );
    this.run(() => settled !== undefined);
    if (settled === undefined) throw new Error("it never settles: nothing is left to happen");
    if ("error" in settled) throw settled.error;
    return settled.value;
  }
}
