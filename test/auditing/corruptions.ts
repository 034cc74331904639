/** Every way in which a ledger may have been changed, and what a recount must find of it. */
import { randomBytes, randomUUID } from "node:crypto";
import type { FindingCode } from "../../src/auditing/findings.ts";
import type { BallotRow, BlockRow } from "../../src/auditing/recount-source.ts";
import { ballotOf, type FakeLedger, leafOf, OPTIONS } from "./fake-ledger.ts";

/** What there is in a ledger for a corruption to choose from. */
type Target = { ledger: FakeLedger; ballot: BallotRow; block: BlockRow; pick: (below: number) => number };

/** Each corruption, and what must be found; others that follow from it may be found too. */
export const corruptions: Record<string, { corrupt: (target: Target) => void; finds: FindingCode[] }> = {
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

export function flip(bytes: Buffer, pick: (below: number) => number): void {
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
