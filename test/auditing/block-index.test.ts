import { expect, test } from "bun:test";
import fc from "fast-check";
import { BlockIndex } from "../../src/auditing/block-index.ts";
import { placesOf } from "../../src/ledger/places.ts";

test("blocks are found by their place, whatever is missing between them", () => {
  const seqs = fc.uniqueArray(fc.oneof(fc.nat({ max: 12 }), fc.nat({ max: 0xffff_ffff })), { maxLength: 12 });
  fc.assert(
    fc.property(fc.array(seqs, { maxLength: 4 }), seqs, (streams, asked) => {
      const index = new BlockIndex();
      const added = new Map<string, number>();
      streams.forEach((unsorted, streamId) => {
        for (const seq of unsorted.sort((a, b) => a - b)) {
          added.set(`${streamId}/${seq}`, added.size);
          index.add({ streamId, seq }, placesOf([0], 1), [], true);
        }
      });
      for (const streamId of [0, 1, 2, 3, 4]) {
        for (const seq of [...asked, ...streams.flat()]) {
          expect(index.find({ streamId, seq })).toBe(added.get(`${streamId}/${seq}`) ?? null);
        }
      }
    }),
  );
});

test("places and counts of a block are its own", () => {
  const index = new BlockIndex();
  const vote = { contestLedgerId: 1, option: 2, votes: 1 };
  const places = [
    { streamId: 1, seq: 1 },
    { streamId: 1, seq: 2 },
  ] as const;
  for (const place of places) index.add(place, placesOf([1, 9], 10), [vote], true);
  index.add({ streamId: 2, seq: 1 }, placesOf([0], 1), [], false); // not whole: what is unseen is not told
  expect([index.see(0, 9), index.see(0, 9), index.see(1, 1)]).toEqual([true, false, true]);
  index.count(places[1], 1, 1, 2);
  index.count(places[1], 1, 1, 0);
  expect([...index.unseen()]).toEqual([
    { ...places[0], index: 1 },
    { ...places[1], index: 9 },
  ]);
  expect([...index.tallyDifferences()]).toEqual([
    { ...places[0], contestLedgerId: 1, option: 2, excess: 1 },
    { ...places[1], contestLedgerId: 1, option: 0, excess: -1 },
  ]);
});
