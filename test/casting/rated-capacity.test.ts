/** A gateway that is rated takes what it is rated for, and not more, however ballots arrive. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { RatedCapacity } from "../../src/casting/rated-capacity.ts";

const RUNS = { numRuns: Number(process.env.URNA_SCHEDULES ?? 300) };
/** What may come at once, in milliseconds of the rate. */
const AT_ONCE_MS = 100;

/** At how many of these instants one is taken. */
function takenAt(ballotsPerSecond: number, instantsMs: readonly number[]): number[] {
  let nowMs = 0;
  const rated = new RatedCapacity(ballotsPerSecond, { steadyMs: () => nowMs });
  return instantsMs.filter((atMs) => {
    nowMs = atMs;
    return rated.takes();
  });
}

test("no more are taken in any time than it is rated for, and what may come at once", () => {
  const pauses = fc.array(fc.double({ min: 0, max: 50, noNaN: true }), { minLength: 1, maxLength: 500 });
  const holds = fc.property(fc.integer({ min: 1, max: 5_000 }), pauses, (ballotsPerSecond, pausesMs) => {
    let atMs = 0;
    const taken = takenAt(
      ballotsPerSecond,
      pausesMs.map((pauseMs) => (atMs += pauseMs)),
    );
    const atOnce = Math.max(1, (ballotsPerSecond * AT_ONCE_MS) / 1000);
    for (let from = 0; from < taken.length; from += 7) {
      for (let to = from; to < taken.length; to += 5) {
        const seconds = (taken[to]! - taken[from]!) / 1000;
        expect(to - from + 1).toBeLessThanOrEqual(atOnce + ballotsPerSecond * seconds + 1e-6);
      }
    }
  });
  fc.assert(holds, RUNS);
});

test("evenly at the rate all are taken, and at twice the rate half", () => {
  const holds = fc.property(fc.integer({ min: 10, max: 100_000 }), (ballotsPerSecond) => {
    const every = (times: number) =>
      Array.from({ length: 2_000 }, (_, i) => (i * 1000) / (times * ballotsPerSecond));
    expect(takenAt(ballotsPerSecond, every(0.999))).toHaveLength(2_000);
    const afterwards = takenAt(ballotsPerSecond, every(2)).length - (ballotsPerSecond * AT_ONCE_MS) / 1000;
    if (ballotsPerSecond * AT_ONCE_MS < 500_000) expect(Math.abs(afterwards - 1_000)).toBeLessThan(2);
  });
  fc.assert(holds, RUNS);
});
