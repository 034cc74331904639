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
  const crowd = fc.record({
    afterMs: fc.integer({ min: 0, max: 1_000 }),
    ballots: fc.integer({ min: 1, max: 400 }),
  });
  const crowds = fc.array(crowd, { minLength: 1, maxLength: 10 });
  const holds = fc.property(fc.integer({ min: 1, max: 2_000 }), crowds, (ballotsPerSecond, all) => {
    let atMs = 0;
    const arrivals = all.flatMap(({ afterMs, ballots }) => {
      atMs += afterMs;
      return new Array<number>(ballots).fill(atMs);
    });
    const taken = takenAt(ballotsPerSecond, arrivals);
    const atOnce = Math.max(1, (ballotsPerSecond * AT_ONCE_MS) / 1000);
    const instants = [...new Set(taken)];
    for (const fromMs of instants) {
      for (const toMs of instants.filter((each) => each >= fromMs)) {
        const within = taken.filter((each) => each >= fromMs && each <= toMs).length;
        const most = atOnce + (ballotsPerSecond * (toMs - fromMs)) / 1000;
        expect(within).toBeLessThanOrEqual(most + 1e-6);
      }
    }
  });
  fc.assert(holds, RUNS);
});

test("evenly at the rate all are taken, and at twice the rate half", () => {
  const holds = fc.property(fc.integer({ min: 10, max: 9_000 }), (ballotsPerSecond) => {
    const every = (times: number) =>
      Array.from({ length: 2_000 }, (_, i) => (i * 1000) / (times * ballotsPerSecond));
    expect(takenAt(ballotsPerSecond, every(0.999))).toHaveLength(2_000);
    const afterwards = takenAt(ballotsPerSecond, every(2)).length - (ballotsPerSecond * AT_ONCE_MS) / 1000;
    // What may come at once is there at first, and is used up before the end.
    expect(Math.abs(afterwards - 1_000)).toBeLessThan(2);
  });
  fc.assert(holds, RUNS);
});
