import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { encodeSelections } from "../../src/election/selections.ts";
import { type BlockContent, blockHash, GENESIS_HASH } from "../../src/ledger/block.ts";
import { ballotLeaf, receiptLeaf } from "../../src/ledger/leaf.ts";
import { countPlaces, placesOf, rankOf } from "../../src/ledger/places.ts";
import { bytesToUuid, uuidToBytes } from "../../src/ledger/uuid.ts";

const CONTEST = "00112233-4455-6677-8899-aabbccddeeff";

test("a leaf is what the contract says, byte by byte", () => {
  const text = `00${Buffer.from("urna/ballot/v1").toString("hex")}00112233445566778899aabbccddeeff0002`;
  const expected = createHash("sha256")
    .update(Buffer.from(text + "07".repeat(16), "hex"))
    .digest("hex");
  const leaf = ballotLeaf(uuidToBytes(CONTEST), Buffer.from("0002", "hex"), Buffer.alloc(16, 7));
  expect(leaf.toString("hex")).toBe(expected);
});

test("a receipt's leaf is the same one, whatever leaf was made before it", () => {
  const ballot = fc.record({
    contest: fc.uuid(),
    selections: fc.array(fc.integer({ min: 1, max: 0xff_ff }), { maxLength: 20 }),
    nonce: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
  });
  // Each one twice in a row, and after others: neither the same contest nor a longer ballot before may show.
  const ballots = fc
    .array(ballot, { minLength: 1, maxLength: 5 })
    .map((some) => [...some, ...some, some[0]!]);
  fc.assert(
    fc.property(ballots, (some) => {
      for (const { contest, selections, nonce } of some) {
        const leaf = ballotLeaf(uuidToBytes(contest), encodeSelections(selections), nonce);
        const text = receiptLeaf(contest, selections, nonce.toString("base64url"));
        expect(text).toBe(leaf.toString("base64url"));
      }
    }),
  );
});

const BLOCK: BlockContent = {
  streamId: 3,
  seq: 9,
  batchId: "0f0e0d0c-0b0a-0908-0706-050403020100",
  recordedAtMs: 1_700_000_000_123,
  overridden: false,
  tally: new Map([[CONTEST, new Map([[1, 2]])]]),
  places: placesOf([0, 1], 3),
  leaves: Buffer.alloc(64, 1),
  prevHash: GENESIS_HASH,
  source: null,
};

test("nothing of a block can be changed without changing its hash", () => {
  const changes: Partial<BlockContent>[] = [
    { streamId: 4 },
    { seq: 10 },
    { batchId: "1f0e0d0c-0b0a-0908-0706-050403020100" },
    { recordedAtMs: 1_700_000_000_124 },
    { overridden: true },
    { tally: new Map([[CONTEST, new Map([[1, 3]])]]) },
    { tally: new Map([[CONTEST, new Map([[2, 2]])]]) },
    { places: placesOf([0, 2], 3) },
    { leaves: Buffer.alloc(64, 2) },
    { prevHash: Buffer.alloc(32, 1) },
  ];
  const hashes = [BLOCK, ...changes.map((change) => ({ ...BLOCK, ...change }))].map((block) =>
    blockHash(block).toString("hex"),
  );
  expect(new Set(hashes).size).toBe(changes.length + 1);
});

test("a block's hash does not depend on the order in which its tally was counted", () => {
  const other = "ffffffff-4455-6677-8899-aabbccddeeff";
  const counts = (...pairs: [number, number][]) => new Map(pairs);
  const one = new Map([
    [CONTEST, counts([1, 2], [2, 5])],
    [other, counts([1, 1])],
  ]);
  const two = new Map([
    [other, counts([1, 1])],
    [CONTEST, counts([2, 5], [1, 2])],
  ]);
  expect(blockHash({ ...BLOCK, tally: one })).toEqual(blockHash({ ...BLOCK, tally: two }));
});

test("the rank of a place is the number of places before it", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 99 })), (chosen) => {
      const indexes = chosen.sort((a, b) => a - b);
      const places = placesOf(indexes, 100);
      expect(countPlaces(places)).toBe(indexes.length);
      for (let index = 0; index < 110; index++) {
        const rank = indexes.indexOf(index);
        expect(rankOf(places, index)).toBe(rank === -1 ? null : rank);
      }
    }),
  );
});

test("a uuid's text and bytes are the same uuid", () => {
  expect(bytesToUuid(uuidToBytes(CONTEST))).toBe(CONTEST);
});
