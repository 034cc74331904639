import { expect, test } from "bun:test";
import { resultsOf } from "../../src/results/results.ts";
import { contestOf, FIRST, NOW_MS, votes } from "./support.ts";

const tally = votes({ 0: 2, 1: 3, 3: 5 }).get(FIRST)!;
const AS_OF_MS = NOW_MS - 120;

test("live results: every option, blank ballots apart, provisional", () => {
  expect(resultsOf(contestOf(), tally, NOW_MS, AS_OF_MS)).toEqual({
    contest: FIRST,
    state: "open",
    paused: false,
    void: null,
    turnout: 10,
    asOf: "2026-03-01T20:00:00.380Z",
    final: false,
    ballots: 10,
    blank: 2,
    counts: [
      { option: 1, votes: 3 },
      { option: 2, votes: 0 },
      { option: 3, votes: 5 },
    ],
  });
});

test("a contest without a ballot has zeros", () => {
  const { ballots, blank, counts, turnout } = resultsOf(contestOf(), undefined, NOW_MS, AS_OF_MS);
  expect([turnout, ballots, blank]).toEqual([0, 0, 0]);
  expect(counts!.map(({ votes }) => votes)).toEqual([0, 0, 0]);
});

test("while choices are hidden there is the turnout and nothing else of them", () => {
  const contest = contestOf({ resultsVisible: "final", closesAtMs: NOW_MS - 1 });
  expect(resultsOf(contest, tally, NOW_MS, AS_OF_MS)).toEqual({
    contest: FIRST,
    state: "closing",
    paused: false,
    void: null,
    turnout: 10,
    asOf: "2026-03-01T20:00:00.380Z",
    final: false,
  });
});

test("a final contest shows the ledger's proved counts, whatever the running tally says", () => {
  const proved = votes({ 1: 3, 3: 4 }).get(FIRST)!;
  const final = { closesAtMs: NOW_MS - 9_000, sealedAtMs: NOW_MS - 2_000, finalAtMs: NOW_MS - 1_000 };
  const contest = contestOf({ resultsVisible: "final", ...final, finalTally: proved });
  expect(resultsOf(contest, tally, NOW_MS, AS_OF_MS)).toMatchObject({
    state: "final",
    final: true,
    asOf: "2026-03-01T19:59:59.500Z",
    turnout: 7,
    ballots: 7,
    blank: 0,
    counts: [{ votes: 3 }, { votes: 0 }, { votes: 4 }],
  });
});

test("figures that lack what was recorded for seconds say so, until the contest is final", () => {
  const at = (asOfMs: number, contest = contestOf()) => resultsOf(contest, tally, NOW_MS, asOfMs).delayed;
  expect(at(NOW_MS - 5_000)).toBeUndefined();
  expect(at(NOW_MS - 5_001)).toBe(true);
  const final = { sealedAtMs: NOW_MS - 60_000, finalAtMs: NOW_MS - 60_000, finalTally: tally };
  expect(at(NOW_MS - 60_000, contestOf(final))).toBeUndefined();
});

test("paused and void are said beside the state", () => {
  const contest = contestOf({ paused: true, voided: { atMs: NOW_MS, reason: "a wrong name on the ballot" } });
  expect(resultsOf(contest, tally, NOW_MS, AS_OF_MS)).toMatchObject({
    state: "open",
    paused: true,
    void: { at: "2026-03-01T20:00:00.500Z", reason: "a wrong name on the ballot" },
  });
});
