/** What draining a partition needs of the ledger that its ballots are recorded in. */
import type { Tally } from "../election/tally.ts";
import type { Place } from "../ledger/exceptions.ts";
import type { Ballot, BallotKey } from "../recording/ledger.ts";

export type PartitionKey = { electionUuid: string; partition: number };

/** How far a partition has been drained, by whoever holds this epoch of its stream. */
export type DrainHead = {
  streamId: number;
  epoch: number;
  nextSeq: number;
  hash: Buffer;
  /** Of the first record that no block has. */
  nextOffset: number;
  /** SHA-256 of the value of the record before it; null at the log's begin. */
  lastRecord: Buffer | null;
  /** The contests, by ledger id, whose barrier has been met. */
  passed: ReadonlySet<number>;
};

/** A ballot to record, and its record's offset less the block's first one. */
export type DrainedBallot = Ballot & { index: number };

export type QuarantinedRecord = { offset: number; reason: string; key: Buffer | null; value: Buffer | null };

/** A block as it is to be appended, whole: everything of it is known before, for a partition has one writer. */
export type DrainedBlock = {
  batchId: string;
  recordedAtMs: number;
  nextOffset: number;
  ballots: readonly DrainedBallot[];
  tally: Tally;
  places: Buffer;
  leaves: Buffer;
  /** See ledger/exceptions.ts. */
  exceptions: Buffer;
  quarantined: readonly QuarantinedRecord[];
  /** Barriers met for the first time. */
  barriers: readonly { contestLedgerId: number; offset: number }[];
  /** SHA-256 of the value of the record before nextOffset. */
  lastRecord: Buffer;
};

/**
 * - `recorded`: the block, all that is in it, and the stream's advance are on a synchronous standby.
 * - `not_recorded`: this attempt wrote nothing and never will.
 * - `fenced`: somebody else holds the stream by now, or it is not where this head says.
 * - `unknown`: submitting the same block (its batchId) at the same place again resolves it.
 */
export type DrainOutcome =
  | { outcome: "recorded"; head: DrainHead }
  | { outcome: "not_recorded"; error: Error }
  | { outcome: "fenced"; error: Error }
  | { outcome: "unknown"; error: Error };

/** For one partition at a time a call; concurrent for several. */
export interface DrainLedger {
  /** Takes the stream over: whoever held it before is fenced from then on. Throws when it can't, or there is none. */
  claim(key: PartitionKey): Promise<DrainHead>;
  /** Where those voters' ballots are that have one, by {@link ballotKey}. Throws when it can't know. */
  places(keys: readonly BallotKey[]): Promise<Map<string, Place>>;
  /** One attempt, bounded in time. Never throws, never retries. */
  record(head: DrainHead, block: DrainedBlock): Promise<DrainOutcome>;
}
