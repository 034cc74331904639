import { expect, test } from "bun:test";
import { loadFigures } from "../../src/cli/load-figures.ts";
import { duration, renderProgress } from "../../src/cli/progress.ts";
import { renderResults } from "../../src/cli/results-table.ts";
import { Measurement } from "../../src/client/load-generator.ts";
import type { ContestAnswer, ResultsAnswer } from "../../src/election/answers.ts";

test("progress tells share, rate and time left", () => {
  const state = { label: "casting", done: 33_000, total: 80_101, unit: "ballots", elapsedMs: 1_500 };
  expect(renderProgress(state)).toBe(
    "casting █████████░░░░░░░░░░░░░░░  41% 33,000/80,101 ballots 22,000/s 3 s left",
  );
  expect(renderProgress({ ...state, done: 80_101 })).toEndWith("100% 80,101/80,101 ballots 53,401/s");
  expect(renderProgress({ ...state, done: 0, elapsedMs: 0 })).toContain("  0% 0/80,101 ballots 0/s");
  expect(renderProgress({ ...state, done: 0, total: 0 })).toContain("100% 0/0");
});

test("99.99 % is not yet 100 %", () => {
  const line = renderProgress({ label: "x", done: 99_999, total: 100_000, unit: "y", elapsedMs: 1 });
  expect(line).toContain(" 99% ");
});

test("durations in two units at most", () => {
  expect([0.2, 59, 61, 3_599, 7_260].map(duration)).toEqual([
    "1 s",
    "59 s",
    "1 min 1 s",
    "59 min 59 s",
    "2 h 1 min",
  ]);
});

const CONTEST: ContestAnswer = {
  id: "song-1",
  uuid: "8f14e45f-ceea-467f-a0e6-2b6f6d9f5a11",
  election: "song",
  buffered: false,
  title: "Best song",
  method: "single-choice",
  options: [
    { number: 1, title: "Alma" },
    { number: 2, title: "歌" },
  ],
  allowBlank: true,
  resultsVisible: "live",
  opensAt: null,
  closesAt: null,
  state: "open",
  paused: false,
  void: null,
};
const RESULTS: ResultsAnswer = {
  contest: "song-1",
  state: "open",
  paused: false,
  void: null,
  turnout: 1_000,
  asOf: "2026-05-09T20:15:00.000Z",
  final: false,
  ballots: 1_000,
  blank: 50,
  counts: [
    { option: 2, votes: 150 },
    { option: 1, votes: 800 },
  ],
};

test("results as a table: the contest's order, aligned, the longest bar for the most votes", () => {
  expect(renderResults(CONTEST, RESULTS).split("\n")).toEqual([
    "Best song (song-1): open, provisional",
    "turnout 1,000 as of 2026-05-09T20:15:00.000Z",
    `  Alma     800   80.0%  ${"█".repeat(30)}`,
    `  歌       150   15.0%  ${"█".repeat(6)}`,
    `  (blank)   50    5.0%  ${"█".repeat(2)}`,
  ]);
});

test("hidden counts are said to be hidden; pausing and voiding are said", () => {
  const { ballots: _b, blank: _k, counts: _c, ...hidden } = RESULTS;
  const paused = {
    ...CONTEST,
    paused: true,
    void: { at: "2026-01-01T00:00:00.000Z", reason: "Alma withdrew" },
  };
  const text = renderResults(paused, hidden);
  expect(text).toContain("open, provisional, paused, void: Alma withdrew");
  expect(text).toContain("when the contest is final");
  expect(text).not.toContain("Alma  ");
});

test("no votes at all make no bars and no division by zero", () => {
  const none = { ...RESULTS, turnout: 0, blank: 0, counts: [] };
  expect(renderResults(CONTEST, none)).toContain("0    0.0%");
});

test("results that may not be complete say so", () => {
  const turnout = /^turnout [\d,]+ as of \S+, delayed: ballots that were recorded since may be missing$/m;
  expect(renderResults(CONTEST, { ...RESULTS, delayed: true })).toMatch(turnout);
  expect(renderResults(CONTEST, RESULTS)).not.toContain("delayed");
});

function figuresOf(fields: Partial<Measurement>, turnoutGrowth: number | null) {
  return loadFigures(
    {
      warmUp: Object.assign(new Measurement(), { durable: 10 }),
      measured: Object.assign(new Measurement(), fields),
    },
    turnoutGrowth,
  );
}

test("a load run is believed only when the turnout grew by exactly its durable ballots", () => {
  const fields = { clockMs: 2_000, durable: 90, durableLate: 3 };
  expect(figuresOf(fields, 103)).toMatchObject({ votesPerSecond: 45, durable: 103, fault: null });
  expect(figuresOf(fields, 102).fault).toContain("the turnout grew by 102, but there were 103");
  expect(figuresOf(fields, 104).fault).toContain("anybody else");
  expect(figuresOf({ ...fields, unknown: 1 }, 104).fault).toBe("ballots of unknown outcome: 1");
  expect(figuresOf({ ...fields, unknown: 1 }, 105).fault).toContain("and 1 of unknown outcome");
  expect(figuresOf({ ...fields, notSent: 2 }, 103).fault).toBe(
    "ballots that could not be sent, because connections failed: 2",
  );
  expect(figuresOf(fields, null).fault).toBe("the turnout can't be read any more");
  expect(figuresOf({ ...fields, unproved: 1 }, 103).fault).toContain("place in the ledger");
});
