/** The watch on this machine's clock, in virtual time. */
import { expect, test } from "bun:test";
import { type ClockReading, ClockWatch } from "../../src/recording/clock-watch.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

function stage() {
  const clock = new VirtualClock();
  const told: boolean[] = [];
  const state = { reading: { aheadMs: 0, doubtMs: 1 } as ClockReading | Error };
  const read = async () => {
    if (state.reading instanceof Error) throw state.reading;
    return state.reading;
  };
  const watch = new ClockWatch(read, {
    ...{ pollMs: 1_000, differMsMax: 500, clock },
    onChange: ({ ok }) => void told.push(ok),
  });
  const pass = (ms: number) => clock.settle(clock.pause(ms));
  return { clock, watch, told, state, pass };
}

test("it is wrong until it has been compared, and whenever it differs by more than may be", () => {
  const { watch, told, state, pass } = stage();
  expect(watch.check.ok).toBe(false);
  void watch.run(new AbortController().signal);
  pass(1);
  expect(watch.check.ok).toBe(true);
  for (const [aheadMs, doubtMs, ok] of [
    [-600, 1, false],
    [500, 0, true],
    [501, 0, false],
    // These took so long that the clock may be right, and may be wrong: what was found before stays.
    [2_400, 1_900, false],
    [0, 501, false],
    [600, 150, false],
    [400, 100, true],
    [400, 101, true],
    [601, 101, true],
    [602, 101, false],
  ] as const) {
    state.reading = { aheadMs, doubtMs };
    pass(1_000);
    expect([aheadMs, watch.check.ok]).toEqual([aheadMs, ok]);
  }
  expect(told).toEqual([true, false, true, false, true, false]);
});

test("what was found stays so while there is no answer", () => {
  const { watch, state, pass } = stage();
  state.reading = { aheadMs: 900, doubtMs: 0 };
  void watch.run(new AbortController().signal);
  pass(1);
  state.reading = new Error("no primary");
  pass(10_000);
  expect(watch.check).toMatchObject({ ok: false, found: expect.stringContaining("900 ms ahead of") });
});
