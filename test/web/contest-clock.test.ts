/** The contest clock: the form opens and closes by itself, and waiting voters do not ask all at once. */
import { describe, expect, test } from "bun:test";
import type { ContestAnswer } from "../../src/election/answers.ts";
import { nextLookMs, nextTurnMs, standingAt } from "../../src/web/contest-clock.ts";

const OPENS_MS = Date.parse("2026-05-01T20:00:00Z");
const CLOSES_MS = OPENS_MS + 600_000;

function contest(changes: Partial<ContestAnswer>): ContestAnswer {
  return {
    id: "c",
    uuid: "u",
    election: "e",
    buffered: false,
    title: "Title",
    method: "single-choice",
    options: [{ number: 1, title: "A" }],
    allowBlank: false,
    resultsVisible: "live",
    opensAt: new Date(OPENS_MS).toISOString(),
    closesAt: new Date(CLOSES_MS).toISOString(),
    state: "scheduled",
    paused: false,
    void: null,
    ...changes,
  };
}

test("a scheduled contest opens and closes by the clock", () => {
  const scheduled = contest({});
  expect(standingAt(scheduled, OPENS_MS - 1)).toBe("scheduled");
  expect(standingAt(scheduled, OPENS_MS)).toBe("open");
  expect(standingAt(scheduled, CLOSES_MS)).toBe("closing");
  expect(nextTurnMs(scheduled, OPENS_MS - 1)).toBe(OPENS_MS);
  expect(nextTurnMs(scheduled, OPENS_MS)).toBe(CLOSES_MS);
  expect(nextTurnMs(scheduled, CLOSES_MS)).toBeNull();
});

test("void and paused come before open; a final contest stays final", () => {
  expect(standingAt(contest({ paused: true }), OPENS_MS)).toBe("paused");
  expect(standingAt(contest({ void: { at: "", reason: "" }, paused: true }), OPENS_MS)).toBe("void");
  expect(standingAt(contest({ state: "final" }), OPENS_MS)).toBe("final");
});

describe("asking again", () => {
  test("nobody asks in the two minutes before the opening, nor while it is open", () => {
    for (const random of [0, 0.5, 0.999]) {
      expect(nextLookMs(contest({}), OPENS_MS - 119_000, 0, random)).toBeNull();
      expect(nextLookMs(contest({}), OPENS_MS, 0, random)).toBeNull();
    }
  });

  test("somebody who waits from long before asks no more in the last minute", () => {
    for (const random of [0, 0.5, 0.999]) {
      for (let nowMs = OPENS_MS - 86_400_000; ; ) {
        const waitMs = nextLookMs(contest({}), nowMs, 10, random);
        if (waitMs === null) break;
        nowMs += waitMs;
        expect(nowMs).toBeLessThan(OPENS_MS - 59_000);
      }
    }
  });

  test("those who wait for a contest without an opening time are spread, and ask less than once in 45 s", () => {
    const draft = contest({ state: "draft", opensAt: null, closesAt: null });
    const waits = [0, 0.25, 0.5, 0.75, 0.999].map((random) => nextLookMs(draft, 0, 50, random)!);
    expect(new Set(waits).size).toBe(waits.length);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(45_000);
  });

  test("after the close it ends", () => {
    expect(nextLookMs(contest({}), CLOSES_MS, 0, 0)).toBeGreaterThan(0);
    expect(nextLookMs(contest({}), CLOSES_MS, 3, 0)).toBeNull();
  });
});
