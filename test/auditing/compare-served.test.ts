import { expect, test } from "bun:test";
import { compareServed, type ServedResults } from "../../src/auditing/compare-served.ts";
import { Findings } from "../../src/auditing/findings.ts";
import type { Contest } from "../../src/election/contest.ts";
import { fakeContest } from "./fake-ledger.ts";

const tally = new Map([
  [0, 1],
  [2, 4],
]);
const live = fakeContest(1);
const final: Contest = { ...live, sealedAtMs: 1, finalAtMs: 2, finalTally: tally };

/** Served results with these votes for option 2, and one blank ballot. */
function served(votes: number, isFinal = false): ServedResults {
  const counts = [1, 2, 3].map((option) => ({ option, votes: option === 2 ? votes : 0 }));
  return { final: isFinal, turnout: votes + 1, ballots: votes + 1, blank: 1, counts };
}

/** What comes of a series of answers, the last of which is repeated. */
async function compare(contest: Contest, answers: (ServedResults | null)[], moved = false) {
  const findings = new Findings();
  const remaining = [...answers];
  const read = async () => (remaining.length > 1 ? remaining.shift()! : remaining[0]!);
  const compared = await compareServed([{ contest, tally }], read, async () => moved, findings);
  const { comparison, ballots } = compared.get(contest.uuid)!;
  return { comparison, ballots, faults: findings.kept.map(({ code, message }) => `${code} ${message}`) };
}

test("equal results are equal, at once or when they have caught up", async () => {
  const equal = { comparison: "equal" as const, ballots: 5, faults: [] };
  expect(await compare(live, [served(4)])).toEqual(equal);
  expect(await compare(live, [served(0), served(3), served(4)])).toEqual(equal);
  expect(await compare(final, [served(4), served(4, true)])).toEqual(equal);
});

test("results that stay behind differ", async () => {
  const { comparison, faults } = await compare(live, [served(3)], true);
  expect(comparison).toBe("differs");
  expect(faults).toContain("results_mismatch option 2: served 3, counted 4");
});

test("results that are ahead are accepted only of a live contest that is being recorded in", async () => {
  expect(await compare(live, [served(9)], true)).toEqual({ comparison: "ahead", ballots: 10, faults: [] });
  expect((await compare(live, [served(9)], false)).comparison).toBe("differs");
  expect((await compare(final, [served(9, true)], true)).comparison).toBe("differs");
});

test("one figure ahead does not make up for another behind", async () => {
  const swapped = { ...served(5), blank: 0 };
  expect((await compare(live, [swapped], true)).faults).toEqual([
    "results_mismatch blank: served 0, counted 1",
  ]);
});

test("votes for an option that the contest does not have differ", async () => {
  const extra = { ...served(4), counts: [...served(4).counts!, { option: 9, votes: 1 }] };
  expect((await compare(live, [extra])).faults).toEqual(["results_mismatch option 9: served 1, counted 0"]);
});

test("hidden results are compared by their turnout, and a final contest's are not hidden", async () => {
  expect((await compare(live, [{ final: false, turnout: 5 }])).comparison).toBe("equal");
  expect((await compare(live, [{ final: false, turnout: 6 }])).comparison).toBe("differs");
  expect((await compare(final, [{ final: true, turnout: 5 }])).comparison).toBe("differs");
});

test("a contest that is not known there differs", async () => {
  expect(await compare(live, [null])).toMatchObject({ comparison: "differs", ballots: null });
});
