import { describe, expect, test } from "bun:test";
import { randomBytes, randomUUID } from "node:crypto";
import fc from "fast-check";
import type { FindingCode } from "../../src/auditing/findings.ts";
import { recount } from "../../src/auditing/recount.ts";
import type { BallotRow, BlockRow } from "../../src/auditing/recount-source.ts";
import { ballotOf, FakeLedger, FakeSource, leafOf, type Offered, OPTIONS } from "./fake-ledger.ts";

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

/** What there is in a ledger for a corruption to choose from. */
type Target = { ledger: FakeLedger; ballot: BallotRow; block: BlockRow; pick: (below: number) => number };

/** Each corruption, and what must be found; others that follow from it may be found too. */
const corruptions: Record<string, { corrupt: (target: Target) => void; finds: FindingCode[] }> = {
  "a selection is changed": {
    corrupt: ({ ballot }) => {
      ballot.selections = Buffer.from([0, ballot.selections.at(1) === 1 ? 2 : 1]);
    },
    finds: ["leaf_mismatch", "block_tally_mismatch", "tally_mismatch"],
  },
  "a selection is one that the contest does not have": {
    corrupt: ({ ballot }) => {
      ballot.selections = Buffer.from([0, OPTIONS + 1]);
    },
    finds: ["invalid_selections", "leaf_mismatch", "tally_mismatch"],
  },
  "half a selection is left over": {
    corrupt: ({ ballot }) => {
      ballot.selections = Buffer.concat([ballot.selections, Buffer.alloc(1)]);
    },
    finds: ["invalid_selections", "leaf_mismatch"],
  },
  "a bit of a nonce is flipped": {
    corrupt: ({ ballot, pick }) => flip(ballot.nonce, pick),
    finds: ["leaf_mismatch"],
  },
  "a bit of a leaf is flipped": {
    corrupt: ({ block, pick }) => flip(block.leaves, pick),
    finds: ["hash_mismatch", "leaf_mismatch"],
  },
  "a bit of a leaf is flipped, under a chain that fits": {
    corrupt: ({ ledger, block, pick }) => {
      flip(block.leaves, pick);
      ledger.rehash(block.streamId);
    },
    finds: ["leaf_mismatch"],
  },
  "a leaf is cut off": {
    corrupt: ({ ledger, block }) => {
      block.leaves = block.leaves.subarray(0, -32);
      ledger.rehash(block.streamId);
    },
    finds: ["leaves_length", "leaf_mismatch"],
  },
  "a bit of a block's hash is flipped": {
    corrupt: ({ block, pick }) => {
      block.hash = Buffer.from(block.hash);
      flip(block.hash, pick);
    },
    finds: ["hash_mismatch"],
  },
  "a block chains to another than the one before it": {
    corrupt: ({ block, pick }) => {
      block.prevHash = Buffer.from(block.prevHash);
      flip(block.prevHash, pick);
    },
    finds: ["hash_mismatch", "chain_broken"],
  },
  "a stream's head is not its last block": {
    corrupt: ({ ledger, block }) => {
      ledger.streams.find(({ streamId }) => streamId === block.streamId)!.headHash = randomBytes(32);
    },
    finds: ["head_mismatch"],
  },
  "a block's time is changed": {
    corrupt: ({ block }) => void block.recordedAtMs++,
    finds: ["hash_mismatch"],
  },
  "a block's time is none that a block can have": {
    corrupt: ({ block }) => {
      block.recordedAtMs = Number.POSITIVE_INFINITY;
    },
    finds: ["hash_mismatch"],
  },
  "a block says that the gate was overridden": {
    corrupt: ({ block }) => {
      block.overridden = !block.overridden;
    },
    finds: ["hash_mismatch"],
  },
  "a block is another batch's": {
    corrupt: ({ block }) => {
      block.batchId = randomUUID();
    },
    finds: ["hash_mismatch"],
  },
  "a block's tally counts one vote more": {
    corrupt: ({ block }) => addToTally(block, 1),
    finds: ["hash_mismatch", "block_tally_mismatch", "tally_mismatch"],
  },
  "a block's tally counts one vote more, under a chain that fits": {
    corrupt: ({ ledger, block }) => {
      addToTally(block, 1);
      ledger.rehash(block.streamId);
    },
    finds: ["block_tally_mismatch", "tally_mismatch"],
  },
  "a block's tally is empty, under a chain that fits": {
    corrupt: ({ ledger, block }) => {
      block.tally = {};
      ledger.rehash(block.streamId);
    },
    finds: ["block_tally_mismatch", "tally_mismatch"],
  },
  "a block's tally spells a contest otherwise, under the same hash": {
    corrupt: ({ block }) => {
      const entries = Object.entries(block.tally as object);
      block.tally = Object.fromEntries(entries.map(([uuid, counts]) => [uuid.toUpperCase(), counts]));
    },
    finds: ["tally_malformed"],
  },
  "a block's tally counts votes of a contest that does not exist": {
    corrupt: ({ block }) => {
      block.tally = { ...(block.tally as object), [randomUUID()]: { 1: 1 } };
    },
    finds: ["unknown_contest", "hash_mismatch"],
  },
  "a ballot is gone": {
    corrupt: ({ ledger, ballot }) => remove(ledger, ballot),
    finds: ["place_without_ballot", "block_tally_mismatch", "tally_mismatch"],
  },
  "a block is gone": {
    corrupt: ({ ledger, block }) => {
      ledger.record(block.streamId, []);
      ledger.blockRows = ledger.blockRows.filter((row) => row !== block);
    },
    finds: ["block_missing", "ballot_without_block", "tally_mismatch"],
  },
  "a stream's last block is gone, its ballots too": {
    corrupt: ({ ledger, block: { streamId } }) => {
      const last = ledger.blockRows.findLast((row) => row.streamId === streamId)!;
      ledger.blockRows = ledger.blockRows.filter((row) => row !== last);
      for (const row of ledger.ballotRows) {
        if (row.streamId === streamId && row.seq === last.seq) remove(ledger, row);
      }
    },
    finds: ["tail_missing"],
  },
  "a stream's row is set back": {
    corrupt: ({ ledger, block: { streamId } }) => {
      const stream = ledger.streams.find((row) => row.streamId === streamId)!;
      stream.headHash = ledger.blockRows.findLast((row) => row.streamId === streamId)!.prevHash;
      stream.nextSeq--;
    },
    finds: ["stray_block"],
  },
  "a stream's row is gone": {
    corrupt: ({ ledger, block }) => {
      ledger.streams = ledger.streams.filter(({ streamId }) => streamId !== block.streamId);
    },
    finds: ["stray_block", "ballot_without_block"],
  },
  "a voter has a second ballot, recorded properly": {
    corrupt: ({ ledger, ballot }) => {
      const contest = ledger.contestOf(ballot);
      ledger.record(ballot.streamId, [{ contest: contest.ledgerId - 1, choice: 1, accepted: true }]);
      ledger.partitions.get(contest.ledgerId)!.at(-1)!.voterKey = ballot.voterKey;
    },
    finds: ["voter_twice"],
  },
  "two ballots share a leaf, each recorded properly": {
    corrupt: ({ ledger, ballot }) => {
      const contest = ledger.contestOf(ballot);
      const choice = ballot.selections.at(1) ?? 0;
      const block = ledger.record(ballot.streamId, [
        { contest: contest.ledgerId - 1, choice, accepted: true },
      ]);
      const twin = ledger.partitions.get(contest.ledgerId)!.at(-1)!;
      twin.nonce = ballot.nonce;
      block.leaves = leafOf(contest, twin);
      ledger.rehash(ballot.streamId);
    },
    finds: ["equal_leaves"],
  },
  "a ballot is there twice": {
    corrupt: ({ ledger, ballot }) => {
      ledger.partitions.get(ballot.contestLedgerId)!.push({ ...ballot });
    },
    finds: ["voter_twice", "equal_leaves", "place_taken_twice", "tally_mismatch"],
  },
  "a ballot is moved to a block that there is not": {
    corrupt: ({ ballot }) => {
      ballot.seq += 1_000;
    },
    finds: ["ballot_without_block", "place_without_ballot"],
  },
  "a ballot is moved to block 0": {
    corrupt: ({ ballot }) => {
      ballot.seq = 0;
    },
    finds: ["ballot_without_block", "place_without_ballot"],
  },
  "a ballot is moved to another block": {
    corrupt: ({ ledger, ballot }) => {
      ballot.seq = ledger.record(ballot.streamId, []).seq;
    },
    finds: ["place_not_set", "place_without_ballot", "block_tally_mismatch"],
  },
  "a ballot is moved to an index that its block does not have": {
    corrupt: ({ ballot }) => {
      ballot.index = -1;
    },
    finds: ["place_not_set", "place_without_ballot"],
  },
  "a ballot that no block recorded is added": {
    corrupt: ({ ledger, ballot }) => {
      const contest = ledger.contestOf(ballot);
      const { streamId, seq } = ballot;
      ledger.partitions
        .get(contest.ledgerId)!
        .push({ ...ballotOf(contest, 1), streamId, seq, index: 20_000 });
    },
    finds: ["place_not_set", "block_tally_mismatch", "tally_mismatch"],
  },
  "a ballot is in another contest's partition": {
    corrupt: ({ ledger, ballot }) => {
      remove(ledger, ballot);
      ledger.contests.push({ ...ledger.contests[0]!, ledgerId: 77, id: "other", uuid: randomUUID() });
      ledger.partitions.set(77, [ballot]);
    },
    finds: ["wrong_partition"],
  },
  "a ballot is of a contest that does not exist": {
    corrupt: ({ ledger, ballot }) => {
      ledger.partitions.set(78, [{ ...ballot, contestLedgerId: 78 }]);
    },
    finds: ["unknown_contest"],
  },
  "a final tally is off by one": {
    corrupt: ({ ledger, ballot }) => {
      const contest = ledger.contestOf(ballot);
      ledger.finish(contest);
      contest.finalTally!.set(1, (contest.finalTally!.get(1) ?? 0) + 1);
    },
    finds: ["final_tally_mismatch"],
  },
  "a final contest takes another ballot, recorded properly": {
    corrupt: ({ ledger, ballot }) => {
      const contest = ledger.contestOf(ballot);
      ledger.finish(contest);
      ledger.record(ballot.streamId, [{ contest: contest.ledgerId - 1, choice: 1, accepted: true }]);
    },
    finds: ["final_tally_mismatch"],
  },
  "a sealed contest's partition is open": {
    corrupt: ({ ledger, ballot }) => {
      const contest = ledger.contestOf(ballot);
      ledger.finish(contest);
      ledger.sealed.delete(contest.ledgerId);
    },
    finds: ["seal_missing"],
  },
};

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

function flip(bytes: Buffer, pick: (below: number) => number): void {
  const bit = pick(bytes.length * 8);
  bytes[bit >> 3]! ^= 1 << (bit & 7);
}

function addToTally(block: BlockRow, votes: number): void {
  const tally = block.tally as Record<string, Record<string, number>>;
  const [counts] = Object.values(tally);
  const [option] = Object.keys(counts!);
  counts![option!]! += votes;
}

function remove(ledger: FakeLedger, ballot: BallotRow): void {
  for (const [contest, rows] of ledger.partitions) {
    ledger.partitions.set(
      contest,
      rows.filter((row) => row !== ballot),
    );
  }
}
