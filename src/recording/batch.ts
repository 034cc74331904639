/** Gathers waiting ballots into a batch that the ledger can take whole. */
import { randomUUID } from "node:crypto";
import type { Ballot, Batch } from "./ledger.ts";

const newPlaces = () => new Map<string, number>();

export type Gathered = {
  batch: Batch;
  /** For each of the given ballots, the place in the batch of its voter's one: its own, or that of an earlier copy. */
  places: number[];
};

/** One representative a voter a contest: the first. */
export function gather(given: readonly Ballot[], recordedAtMs: number): Gathered {
  const ballots: Ballot[] = [];
  // By contest, then voter: a key made of both would be a new text to hash for every ballot.
  const contests = new Map<number, Map<string, number>>();
  const places = given.map((ballot) => {
    const placeOf = contests.getOrInsertComputed(ballot.contestLedgerId, newPlaces);
    const known = placeOf.get(ballot.voterKey);
    if (known !== undefined) return known;
    placeOf.set(ballot.voterKey, ballots.length);
    return ballots.push(ballot) - 1;
  });
  return { batch: { batchId: randomUUID(), recordedAtMs, ballots }, places };
}
