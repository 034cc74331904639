import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { FindingCode } from "../../src/auditing/findings.ts";
import { recount } from "../../src/auditing/recount.ts";
import type { BlockRow } from "../../src/auditing/recount-source.ts";
import { corruptions, flip } from "./corruptions.ts";
import { FakeLedger, FakeSource, type Offered, OPTIONS } from "./fake-ledger.ts";

type History = { contests: number; blocks: { stream: number; offered: Offered[] }[] };

const offered = fc.record({
  contest: fc.nat({ max: 2 }),
  choice: fc.nat({ max: OPTIONS }),
  accepted: fc.boolean(),
});
const history: fc.Arbitrary<History> = fc.record({
  contests: fc.integer({ min: 1, max: 3 }),
  blocks: fc.array(
    fc.record({ stream: fc.integer({ min: 1, max: 3 }), offered: fc.array(offered, { maxLength: 20 }) }),
    { maxLength: 12 },
  ),
});

function ledgerOf({ contests, blocks }: History): FakeLedger {
  const ledger = new FakeLedger(contests);
  for (const { stream, offered } of blocks) ledger.record(stream, offered);
  return ledger;
}

async function codesOf(ledger: FakeLedger, beforeBallots?: () => void): Promise<FindingCode[]> {
  const { findings } = await recount(new FakeSource(ledger, beforeBallots));
  return [...findings.countByCode.keys()];
}

test("a ledger as lanes write it is clean, and everything in it is counted", async () => {
  await fc.assert(
    fc.asyncProperty(history, fc.boolean(), async (past, finished) => {
      const ledger = ledgerOf(past);
      if (finished) for (const contest of ledger.contests) ledger.finish(contest);
      const report = await recount(new FakeSource(ledger));
      expect(report.findings.kept).toEqual([]);
      expect(report.clean).toBe(true);
      expect(report.blocks).toBe(ledger.blockRows.length);
      expect(report.leaves).toBe(ledger.ballotRows.length);
      for (const { uuid, counts, blocksTally } of report.contests) {
        const contest = ledger.contests.find((one) => one.uuid === uuid)!;
        const ballots = ledger.partitions.get(contest.ledgerId)!;
        expect(counts.ballots).toBe(ballots.length);
        expect(blocksTally).toBe(ballots.length);
      }
    }),
  );
});

test("one contest can be counted by itself", async () => {
  await fc.assert(
    fc.asyncProperty(history, async (past) => {
      const ledger = ledgerOf(past);
      const report = await recount(new FakeSource(ledger), { contestId: "contest-1" });
      expect(report.findings.kept).toEqual([]);
      expect(report.contests.map(({ id }) => id)).toEqual(["contest-1"]);
    }),
  );
  expect(recount(new FakeSource(new FakeLedger(1)), { contestId: "contest-9" })).rejects.toThrow(
    "no contest",
  );
});

test("one contest counted by itself is not judged by another's ballots, and by all of its own", async () => {
  const ledger = ledgerOf({ contests: 2, blocks: [] });
  ledger.record(1, [
    { contest: 0, choice: 1, accepted: true },
    { contest: 1, choice: 1, accepted: true },
  ]);
  ledger.partitions.set(2, []);
  const countOne = () => recount(new FakeSource(ledger), { contestId: "contest-1" });
  expect((await countOne()).clean).toBe(true);
  ledger.partitions.set(1, []);
  expect([...(await countOne()).findings.countByCode.keys()]).toEqual([
    "block_tally_mismatch",
    "tally_mismatch",
  ]);
});

test("what is recorded while the recount is under way is left to the next one", async () => {
  await fc.assert(
    fc.asyncProperty(history, history, async (past, since) => {
      const ledger = ledgerOf(past);
      const before = ledger.ballotRows.length;
      const recordMore = () => {
        for (const { stream, offered } of since.blocks) ledger.record(stream, offered);
      };
      const report = await recount(new FakeSource(ledger, recordMore));
      expect(report.findings.kept).toEqual([]);
      expect(report.contests.reduce((sum, { counts }) => sum + counts.ballots, 0)).toBe(before);
    }),
  );
});

describe("each corruption is found", () => {
  for (const [name, { corrupt, finds }] of Object.entries(corruptions)) {
    test(name, async () => {
      await fc.assert(
        fc.asyncProperty(history, fc.nat(), async (past, seed) => {
          const ledger = ledgerOf(past);
          // Every corruption needs a ballot at least, in a block that has others before or after it or not.
          ledger.record(1, [{ contest: 0, choice: 2, accepted: true }]);
          const pick = (below: number) => seed % below;
          const ballot = ledger.ballotRows[pick(ledger.ballotRows.length)]!;
          const isIts = ({ streamId, seq }: BlockRow) => streamId === ballot.streamId && seq === ballot.seq;
          corrupt({ ledger, ballot, block: ledger.blockRows.find(isIts)!, pick });
          expect(await codesOf(ledger)).toEqual(expect.arrayContaining(finds));
        }),
        { numRuns: 30 },
      );
    });
  }
});

test("a sealed contest takes another ballot while the recount is under way", async () => {
  const ledger = ledgerOf({ contests: 1, blocks: [] });
  ledger.finish(ledger.contests[0]!);
  const codes = await codesOf(ledger, () => ledger.record(1, [{ contest: 0, choice: 1, accepted: true }]));
  expect(codes).toEqual(["ballot_after_seal"]);
});

test("more repeated voters than can be examined are not passed over", async () => {
  const ledger = ledgerOf({ contests: 1, blocks: [] });
  for (let i = 0; i < 2; i++) {
    ledger.record(
      1,
      Array.from({ length: 10_001 }, () => ({ contest: 0, choice: 1, accepted: true })),
    );
  }
  const ballots = ledger.ballotRows;
  for (const ballot of ballots.slice(10_001)) ballot.voterKey = ballots[ballot.index]!.voterKey;
  const { findings } = await recount(new FakeSource(ledger));
  expect([...findings.countByCode]).toEqual([
    ["voter_twice", 10_000],
    ["uniqueness_unproved", 1],
  ]);
});

test("a contest too large for one set of voters is read several times, and counted once", async () => {
  const ledger = ledgerOf({ contests: 1, blocks: [] });
  const offered = Array.from({ length: 60 }, () => ({ contest: 0, choice: 1, accepted: true }));
  for (let i = 0; i < 2; i++) ledger.record(1, offered);
  const ballots = ledger.ballotRows;
  for (let i = 0; i < 10; i++) ballots[60 + i]!.voterKey = ballots[i]!.voterKey;
  let readings = 0;
  const source = new FakeSource(ledger, () => readings++);
  source.ballotsMax = 100_000_000;
  const { findings, contests } = await recount(source);
  expect([...findings.countByCode]).toEqual([["voter_twice", 10]]);
  expect(contests).toMatchObject([{ counts: { ballots: 120 } }]);
  expect(readings).toBe(3 + 1); // three slices, and the look at those suspected
});

test("findings are counted all, and listed up to a hundred, each with its place", async () => {
  const ledger = ledgerOf({ contests: 1, blocks: [] });
  ledger.record(
    4,
    Array.from({ length: 150 }, () => ({ contest: 0, choice: 1, accepted: true })),
  );
  for (const ballot of ledger.ballotRows) flip(ballot.nonce, () => 0);
  const { findings, clean } = await recount(new FakeSource(ledger));
  expect(clean).toBe(false);
  expect(findings.total).toBe(150);
  expect(findings.kept).toHaveLength(100);
  expect(findings.kept[7]).toMatchObject({
    code: "leaf_mismatch",
    place: { contest: "contest-1", stream: 4, seq: 1, index: 7 },
  });
});

test("two voters who chose the same nonce are reported, and spoil nothing", async () => {
  const ledger = ledgerOf({ contests: 1, blocks: [] });
  const block = ledger.record(1, [{ contest: 0, choice: 1, accepted: true }]);
  const { corrupt, finds } = corruptions["two ballots share a leaf, each recorded properly"]!;
  corrupt({ ledger, ballot: ledger.ballotRows[0]!, block, pick: () => 0 });
  const { findings, clean } = await recount(new FakeSource(ledger));
  expect([...findings.countByCode.keys()]).toEqual(finds);
  expect(clean).toBe(true);
});
