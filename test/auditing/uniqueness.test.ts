import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { FingerprintSet } from "../../src/auditing/fingerprint-set.ts";
import type { BallotRow } from "../../src/auditing/recount-source.ts";
import { Uniqueness } from "../../src/auditing/uniqueness.ts";

type Cast = { row: BallotRow; leaf: Buffer };

function cast(index: number, voterKey: Buffer = randomBytes(16), leaf: Buffer = randomBytes(32)): Cast {
  const place = { contestLedgerId: 1, streamId: 1, seq: 1, index };
  return { row: { ...place, voterKey, nonce: randomBytes(16), selections: Buffer.alloc(2) }, leaf };
}

function repetitionsOf(casts: readonly Cast[], uniqueness: Uniqueness): string[] {
  for (let slice = 0; slice < uniqueness.slices; slice++) {
    uniqueness.begin(slice);
    for (const { row, leaf } of casts) uniqueness.add(row.voterKey, leaf);
  }
  return casts
    .flatMap(({ row, leaf }) => [...uniqueness.repetitions(row, leaf)])
    .map(({ kind, first, again }) => `${kind} ${first.index} ${again.index}`);
}

test("a set of fingerprints knows what it holds", () => {
  const half = fc.oneof(fc.nat({ max: 3 }), fc.nat(), fc.constant(0xffff_ffff));
  fc.assert(
    fc.property(fc.array(fc.tuple(half, half), { maxLength: 200 }), (fingerprints) => {
      const set = new FingerprintSet(fingerprints.length);
      const model = new Set<string>();
      for (const [high, low] of fingerprints) {
        const name = `${high} ${high === 0 && low === 0 ? 1 : low}`; // the one confusion it allows itself
        expect(set.add(high, low)).toBe(!model.has(name));
        model.add(name);
      }
    }),
  );
});

test("a full set takes everything for a repetition, and ends", () => {
  const set = new FingerprintSet(2);
  expect([set.add(1, 1), set.add(2, 2), set.add(3, 3), set.add(1, 1)]).toEqual([true, true, false, false]);
});

test("voters and leaves that repeat are told with both places, in however many slices", () => {
  const casts = Array.from({ length: 2_000 }, (_, index) => cast(index));
  casts.push(cast(2_000, casts[7]!.row.voterKey), cast(2_001, undefined, casts[1_999]!.leaf));
  for (const bytesMax of [1_000_000, 20_000]) {
    const uniqueness = new Uniqueness(casts.length, bytesMax);
    expect(uniqueness.slices).toBe(bytesMax === 20_000 ? 3 : 1);
    expect(repetitionsOf(casts.slice(0, 2_000), uniqueness)).toEqual([]);
    expect(uniqueness.suspicious).toBe(false);
    expect(repetitionsOf(casts, uniqueness)).toEqual(["voter 7 2000", "leaf 1999 2001"]);
  }
});

test("equal first halves are suspected and acquitted", () => {
  const key = randomBytes(16);
  const other = Buffer.concat([key.subarray(0, 8), randomBytes(8)]);
  const uniqueness = new Uniqueness(2);
  expect(repetitionsOf([cast(0, key), cast(1, other)], uniqueness)).toEqual([]);
  expect(uniqueness.suspicious).toBe(true);
});

test("more suspicions than are kept are not forgotten", () => {
  const casts = Array.from({ length: 10_001 }, (_, index) => cast(index));
  const uniqueness = new Uniqueness(casts.length * 2);
  repetitionsOf([...casts.slice(1), ...casts.slice(1)], uniqueness);
  expect(uniqueness.overflowed).toBe(false);
  uniqueness.add(casts[0]!.row.voterKey, casts[0]!.leaf);
  uniqueness.add(casts[0]!.row.voterKey, casts[0]!.leaf);
  expect(uniqueness.overflowed).toBe(true);
});
