import { expect, test } from "bun:test";
import fc from "fast-check";
import { addTally, type Tally } from "../../src/election/tally.ts";
import { RunningTally } from "../../src/results/running-tally.ts";
import { FIRST, NOW_MS, SECOND, votes } from "./support.ts";

type Block = { tally: Tally; recordedAtMs: number };

const blocks: fc.Arbitrary<Block[]> = fc.array(
  fc.record({
    tally: fc
      .tuple(
        fc.constantFrom(FIRST, SECOND),
        fc.dictionary(fc.constantFrom("0", "1", "2"), fc.integer({ min: 1, max: 1e6 }), { minKeys: 1 }),
      )
      .map(([uuid, counts]) => votes(counts, uuid)),
    recordedAtMs: fc.integer({ min: NOW_MS - 400_000, max: NOW_MS + 5_000 }),
  }),
);

function tallyOf(list: readonly Block[]): RunningTally {
  const running = new RunningTally();
  for (const { tally, recordedAtMs } of list) running.add(tally, recordedAtMs, NOW_MS);
  return running;
}

/** Ballots of a contest that were recorded before an instant. */
function recordedBefore(list: readonly Block[], uuid: string, instantMs: number): number {
  let sum = 0;
  for (const { tally, recordedAtMs } of list) {
    if (Math.min(recordedAtMs, NOW_MS) >= instantMs) continue;
    for (const count of tally.get(uuid)?.values() ?? []) sum += count;
  }
  return sum;
}

test("the running tally is the sum of the blocks, in whatever order they come", () => {
  fc.assert(
    fc.property(blocks, fc.infiniteStream(fc.nat()), (list, random) => {
      const sum: Tally = new Map();
      for (const { tally } of list) addTally(sum, tally);
      const shuffled = list
        .map((block) => ({ block, at: random.next().value as number }))
        .sort((a, b) => a.at - b.at);
      const running = tallyOf(shuffled.map(({ block }) => block));
      expect(running.counts).toEqual(sum);
      expect(running.turnoutOf(FIRST)).toBe(recordedBefore(list, FIRST, Number.POSITIVE_INFINITY));
    }),
  );
});

test("the history says at every second how many ballots were recorded before it, in whatever order they came", () => {
  fc.assert(
    fc.property(blocks, fc.boolean(), fc.integer({ min: 0, max: 700_000 }), (list, reversed, laterMs) => {
      const nowMs = NOW_MS + laterMs;
      const series = tallyOf(reversed ? list.toReversed() : list).turnoutSeries(FIRST, nowMs);
      expect(series.endsAtMs).toBe(nowMs - (nowMs % 1_000));
      expect(series.turnout).toHaveLength(300);
      const expected = series.turnout.map((_, i) =>
        recordedBefore(list, FIRST, series.endsAtMs - (299 - i) * series.intervalMs),
      );
      expect(series.turnout).toEqual(expected);
    }),
  );
});

test("a clock that is set back leaves the history as it was", () => {
  const running = tallyOf([{ tally: votes({ 1: 7 }), recordedAtMs: NOW_MS - 2_000 }]);
  const series = running.turnoutSeries(FIRST, NOW_MS);
  expect(running.turnoutSeries(FIRST, NOW_MS - 60_000)).toEqual(series);
});

test("of more than a thousand contests, those with the oldest ballots lose their history, and nothing else", () => {
  const running = new RunningTally();
  const add = (contest: number) => running.add(votes({ 1: 1 }, `contest ${contest}`), NOW_MS - 5_000, NOW_MS);
  for (let contest = 0; contest < 1_000; contest++) add(contest);
  add(0);
  add(1_000);
  const firstOf = (contest: number) => running.turnoutSeries(`contest ${contest}`, NOW_MS).turnout[0];
  expect(firstOf(0)).toBe(0);
  expect(firstOf(1_000)).toBe(0);
  expect(firstOf(1)).toBe(1); // as if its ballot were older than the history goes back
  expect(running.turnoutOf("contest 1")).toBe(1);
});
