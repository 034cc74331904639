import { expect, test } from "bun:test";
import fc from "fast-check";
import { LeafCache } from "../../src/auditing/leaf-cache.ts";
import type { BlockPlace, LeavesRow } from "../../src/auditing/recount-source.ts";
import { placesOf, rankOf } from "../../src/ledger/places.ts";

const OFFERED = 16;

/** Blocks 0…9 of one stream, all places set, and how often each was read. */
function blocks() {
  const reads: number[] = [];
  const places = placesOf([...Array(OFFERED).keys()], OFFERED);
  const row = ({ streamId, seq }: BlockPlace): LeavesRow => {
    reads.push(seq);
    return { streamId, seq, places, leaves: Buffer.alloc(OFFERED * 32, seq) };
  };
  const source = { leaves: async (wanted: readonly BlockPlace[]) => wanted.map(row) };
  const wanted = (...seqs: number[]) =>
    seqs.map((seq) => ({ block: seq, place: { streamId: 1, seq }, offered: OFFERED }));
  return { source, reads, wanted };
}

test("as many blocks as fit are read together, once, and the least recently needed make room", async () => {
  const { source, reads, wanted } = blocks();
  const cache = new LeafCache(source, 3 * OFFERED * 32);
  expect((await cache.load(wanted(1, 1, 2, 3, 2, 4))).covered).toBe(5);
  expect((await cache.load(wanted(1, 4))).covered).toBe(2);
  expect(reads).toEqual([1, 2, 3, 4]);
  const { leaves } = await cache.load(wanted(5, 1));
  expect([...leaves.keys()].sort()).toEqual([1, 4, 5]);
  expect(leaves.get(5)?.leaves[0]).toBe(5);
  await cache.load(wanted(2));
  expect(reads).toEqual([1, 2, 3, 4, 5, 2]);
});

test("a block larger than the cache is read all the same", async () => {
  const { source, wanted } = blocks();
  const { covered, leaves } = await new LeafCache(source, 32).load(wanted(1, 1, 2));
  expect(covered).toBe(2);
  expect(leaves.get(1)).toBeDefined();
});

test("ranks are those of places", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 70 }), async (bits) => {
      const places = placesOf(
        bits.flatMap((bit, index) => (bit ? index : [])),
        bits.length,
      );
      const source = {
        leaves: async () => [{ streamId: 1, seq: 1, places, leaves: Buffer.alloc(0) }],
      };
      const wanted = [{ block: 0, place: { streamId: 1, seq: 1 }, offered: bits.length }];
      const { leaves } = await new LeafCache(source).load(wanted);
      bits.forEach((_, index) => {
        expect(leaves.get(0)!.ranks[index]).toBe(rankOf(places, index) ?? -1);
      });
    }),
  );
});
