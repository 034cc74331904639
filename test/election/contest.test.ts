import { expect, test } from "bun:test";
import { selectionsFault } from "../../src/election/ballot-rules.ts";
import { type Contest, contestStateAt, notOpenReason, takesBallotsAt } from "../../src/election/contest.ts";
import { countsOf } from "../../src/election/counts.ts";
import { decodeSelections, encodeSelections } from "../../src/election/selections.ts";
import {
  addTally,
  countBallot,
  type Tally,
  tallyDifferences,
  tallyFromJson,
  tallyToJson,
} from "../../src/election/tally.ts";

const CONTEST: Contest = {
  ...{ ledgerId: 1, id: "song", uuid: "u", electionUuid: "e", electionId: "show", title: "Which song?" },
  method: "single-choice",
  options: ["A", "B", "C"].map((title, i) => ({ number: i + 1, title })),
  ...{ allowBlank: false, resultsVisible: "live", allowedOrigins: [], buffering: null },
  ...{ opensAtMs: 1_000, closesAtMs: 2_000, closeIsKnown: true, paused: false, voided: null },
  ...{ sealedAtMs: null, finalAtMs: null, finalTally: null },
};

test("a contest's state follows its times to the millisecond", () => {
  const states = [999, 1_000, 1_999, 2_000].map((nowMs) => contestStateAt(CONTEST, nowMs));
  expect(states).toEqual(["scheduled", "open", "open", "closing"]);
  expect(contestStateAt({ ...CONTEST, opensAtMs: null }, 1_500)).toBe("draft");
  expect(contestStateAt({ ...CONTEST, finalAtMs: 3_000 }, 4_000)).toBe("final");
});

test("ballots are taken from the opening to just before the close, unless paused, void or sealed", () => {
  expect([999, 1_000, 1_999, 2_000].map((atMs) => takesBallotsAt(CONTEST, atMs))).toEqual([
    false,
    true,
    true,
    false,
  ]);
  const changes: Partial<Contest>[] = [
    { paused: true },
    { voided: { atMs: 1, reason: "r" } },
    { sealedAtMs: 1 },
  ];
  for (const change of changes) expect(takesBallotsAt({ ...CONTEST, ...change }, 1_500)).toBe(false);
});

test("why no ballot is taken is said in words", () => {
  expect(notOpenReason(CONTEST, 0)).toContain("1970-01-01T00:00:01.000Z");
  expect(notOpenReason({ ...CONTEST, paused: true }, 1_500)).toContain("paused");
  expect(notOpenReason({ ...CONTEST, voided: { atMs: 1, reason: "a fault" } }, 1_500)).toContain("a fault");
  expect(notOpenReason(CONTEST, 2_500)).toContain("closed");
});

test("one option is a ballot; none is where blank ballots are allowed; anything else is not", () => {
  expect(selectionsFault(CONTEST, [3])).toBeNull();
  expect(selectionsFault({ ...CONTEST, allowBlank: true }, [])).toBeNull();
  for (const wrong of [[], [0], [4], [-1], [1.5], ["1"], [1, 2], [1, 1], null, undefined, "1", { 0: 1 }]) {
    expect(selectionsFault(CONTEST, wrong)).toBeString();
  }
});

test("selections are kept as big-endian uint16", () => {
  expect(encodeSelections([1, 258]).toString("hex")).toBe("00010102");
  expect(decodeSelections(encodeSelections([1, 258]))).toEqual([1, 258]);
});

test("tallies add up in any order, and differences name the place", () => {
  const [a, b]: Tally[] = [new Map(), new Map()];
  for (const selections of [[1], [1], [], [3]]) countBallot(a!, "u", selections);
  countBallot(b!, "u", [1]);
  const [ab, ba]: Tally[] = [new Map(), new Map()];
  for (const tally of [a!, b!]) addTally(ab!, tally);
  for (const tally of [b!, a!]) addTally(ba!, tally);
  expect(tallyDifferences("ab", ab!, "ba", ba!)).toEqual([]);
  expect(tallyDifferences("a", a!, "b", b!)).toEqual([
    "contest u, option 1: a 2, b 1",
    "contest u, blank: a 1, b 0",
    "contest u, option 3: a 1, b 0",
  ]);
  expect(tallyFromJson(tallyToJson(ab!))).toEqual(ab!);
  expect(countsOf(CONTEST, ab!.get("u"))).toEqual({
    ballots: 5,
    blank: 1,
    counts: [
      { option: 1, votes: 3 },
      { option: 2, votes: 0 },
      { option: 3, votes: 1 },
    ],
  });
});
