/** Gathers waiting ballots into a batch that the ledger can take whole. */
import { randomUUID } from "node:crypto";
import { type Ballot, type Batch, ballotKey } from "./ledger.ts";

export type Gathered = {
  batch: Batch;
  /** For each of the given ballots, the place in the batch of its voter's one: its own, or that of an earlier copy. */
  places: number[];
};

/** One representative a voter a contest: the first. */
export function gather(given: readonly Ballot[], recordedAtMs: number): Gathered {
  const ballots: Ballot[] = [];
  const placeOf = new Map<string, number>();
  const places = given.map((ballot) => {
    const key = ballotKey(ballot);
    const known = placeOf.get(key);
    if (known !== undefined) return known;
    placeOf.set(key, ballots.length);
    return ballots.push(ballot) - 1;
  });
  return { batch: { batchId: randomUUID(), recordedAtMs, ballots }, places };
}
