/** What verifying receipts needs of a ledger, and of what is known of contests. */
import type { Contest } from "../election/contest.ts";
import type { ExceptionReason, Place } from "../ledger/exceptions.ts";

/** A block, and the one leaf of it that was asked for; null when the block recorded no ballot at that index. */
export type LeafRow = Place & { leaf: Buffer | null; recordedAtMs: number; overridden: boolean };

/** Finds leaves. What it answers is on a synchronous standby: a voter takes it for an acknowledgement. Concurrent. */
export interface LeafSource {
  /** Null when there is no such block. Throws when it can't know. */
  find(place: Place): Promise<LeafRow | null>;
}

/** Where an accepted ballot's record is: in its election's topic. */
export type RecordKey = { electionUuid: string; partition: number; offset: number };

/**
 * - `not_drained`: no block has the record yet.
 * - `ballot`: it was recorded, there. `exception`: it was taken in and not recorded; of a duplicate `of` is where its
 *   voter's ballot is, and `told` is why a record was quarantined.
 * - `damaged`: the ledger's block is not what a block can be.
 */
export type RecordFate =
  | { fate: "not_drained" }
  | { fate: "ballot"; at: LeafRow }
  | {
      fate: "exception";
      reason: ExceptionReason;
      leaf: Buffer | null;
      of: LeafRow | null;
      told: string | null;
    }
  | { fate: "damaged"; found: string };

/** Tells what became of records. As durable as a {@link LeafSource}'s answers: no failover takes them back. Concurrent. */
export interface RecordSource {
  /** Null when this ledger has no stream of that partition. Throws when it can't know. */
  find(record: RecordKey): Promise<RecordFate | null>;
}

/** Contests as the home ledger has them. */
export interface ContestLookUp {
  /** As it was seconds ago at most, where that is known. */
  get(uuid: string): Contest | undefined;
  /** As it was known last, however long ago: which ballots it takes never changes. */
  lastKnown(uuid: string): Contest | undefined;
  /** Asks the ledger. Null when there is no such contest. Throws when it can't know. */
  fresh(uuid: string): Promise<Contest | null>;
}

export type ReceiptSources = {
  contests: ContestLookUp;
  /** Of every ledger by its number. */
  ledgers: ReadonlyMap<number, { leaves: LeafSource; records: RecordSource }>;
};
