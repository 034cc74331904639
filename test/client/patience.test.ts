import { expect, test } from "bun:test";
import { Patience, pauseMs } from "../../src/client/patience.ts";

test("pauses double up to a bound, with jitter downwards only", () => {
  expect([1, 2, 3, 4].map((attempt) => pauseMs(attempt, null, 1))).toEqual([100, 200, 400, 800]);
  expect(pauseMs(1, null, 0)).toBe(50);
  expect(pauseMs(50, null, 1)).toBe(5_000);
});

test("the server's wish counts, up to the same bound", () => {
  expect(pauseMs(7, 1_234, 0.5)).toBe(1_234);
  expect(pauseMs(1, 3_600_000, 0.5)).toBe(5_000);
});

test("it is exhausted after its time, and renewed by any final answer", async () => {
  const patience = new Patience(2_000);
  // Longer than the patience in all, each far shorter than it.
  for (let i = 0; i < 4; i++) {
    expect(await patience.pause(1, 600)).toBe(true);
    patience.progressed();
  }
  expect(await patience.pause(1, 5_000)).toBe(false);
  expect(await patience.pause(1, 0)).toBe(false);
});

test("a stop ends a pause, and every later one", async () => {
  const stop = new AbortController();
  const patience = new Patience(60_000, stop.signal);
  setTimeout(() => stop.abort(), 20);
  expect(await patience.pause(1, 5_000)).toBe(false);
  expect(await patience.pause(1, 0)).toBe(false);
});
