/** Gathers waiting ballots into a batch that the ledger can take whole. */
import { randomUUID } from "node:crypto";
import { type Ballot, type Batch, ballotKey } from "./ledger.ts";

/** One representative a voter a contest: the first. */
export function makeBatch(ballots: readonly Ballot[], recordedAtMs: number): Batch {
  const representatives = new Map<string, Ballot>();
  for (const ballot of ballots) {
    const key = ballotKey(ballot);
    if (!representatives.has(key)) representatives.set(key, ballot);
  }
  return { batchId: randomUUID(), recordedAtMs, ballots: [...representatives.values()] };
}
