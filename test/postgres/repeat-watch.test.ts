/** When a batch is recorded plainly. */
import { expect, test } from "bun:test";
import { RepeatWatch } from "../../src/postgres/repeat-watch.ts";

/** When, in seconds, batches that are tried every tenth of one are recorded plainly, where each meets a repeat. */
function triesInVain(seconds: number): number[] {
  const watch = new RepeatWatch();
  const tried: number[] = [];
  for (let tenths = 0; tenths < seconds * 10; tenths++) {
    if (watch.areExpected(tenths * 100)) continue;
    tried.push(tenths / 10);
    watch.seen(tenths * 100);
  }
  return tried;
}

test("repeats are not expected until there is one", () => {
  expect(new RepeatWatch().areExpected(0)).toBe(false);
});

test("where there always are repeats, a batch is written in vain ever more rarely, at last once a minute", () => {
  expect(triesInVain(190)).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183]);
});

test("after a time without any, the first one costs a second again", () => {
  const watch = new RepeatWatch();
  watch.seen(0);
  watch.seen(1_000);
  expect(watch.areExpected(2_999)).toBe(true);
  expect(watch.areExpected(3_000)).toBe(false);
  watch.seen(60_000);
  expect(watch.areExpected(60_999)).toBe(true);
  expect(watch.areExpected(61_000)).toBe(false);
});
