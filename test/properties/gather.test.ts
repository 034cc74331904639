/** A batch of whatever waited: one representative a voter a contest, and everybody's place. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { gather } from "../../src/recording/batch.ts";
import { type Ballot, ballotKey } from "../../src/recording/ledger.ts";

const BALLOTS: fc.Arbitrary<Ballot[]> = fc.array(
  fc.record({
    contestLedgerId: fc.nat({ max: 2 }),
    contestUuid: fc.constant(""),
    voterKey: fc.constantFrom("a", "b", "c", "d"),
    selections: fc.constantFrom([1], [2]),
    nonce: fc.constantFrom("one", "two"),
    leaf: fc.constant(""),
  }),
);

test("every ballot has the place of its voter's representative, which is the first, as it came", () => {
  fc.assert(
    fc.property(BALLOTS, fc.nat(), (given, recordedAtMs) => {
      const { batch, places } = gather(given, recordedAtMs);
      expect(batch.recordedAtMs).toBe(recordedAtMs);
      expect(places.length).toBe(given.length);
      for (const [i, ballot] of given.entries()) {
        const first = given.find((other) => ballotKey(other) === ballotKey(ballot));
        expect(batch.ballots[places[i]!]).toBe(first);
      }
      const keys = batch.ballots.map(ballotKey);
      expect(keys).toEqual([...new Set(given.map(ballotKey))]);
    }),
    { numRuns: 500 },
  );
});

test("two batches of the same ballots are two: an outcome is known by the batch's id", () => {
  fc.assert(
    fc.property(BALLOTS, (given) => {
      expect(gather(given, 1).batch.batchId).not.toBe(gather(given, 1).batch.batchId);
    }),
  );
});
