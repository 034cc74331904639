/** What recording needs of a ledger: one stream that a lane writes, and ballots found again. */
import type { Selections } from "../election/selections.ts";

/** A ballot on its way into the ledger. */
export type Ballot = {
  contestLedgerId: number;
  contestUuid: string;
  /** 16 bytes as 32 hexadecimal digits. */
  voterKey: string;
  selections: Selections;
  /** 16 bytes in base64url, as receipts show it. */
  nonce: string;
  /** The commitment to contest, selections and nonce, 32 bytes in base64url. */
  leaf: string;
};

/** One voter's place in one contest. */
export type BallotKey = Pick<Ballot, "contestLedgerId" | "voterKey">;

/** A recorded ballot as the ledger has it. */
export type RecordedBallot = {
  contestLedgerId: number;
  voterKey: string;
  selections: Selections;
  nonce: string;
  streamId: number;
  seq: number;
  index: number;
  recordedAtMs: number;
  overridden: boolean;
};

/** Where a stream's next block goes. */
export type StreamHead = { streamId: number; epoch: number; nextSeq: number; hash: Buffer };

/** One batch, always submitted at the same place of the same stream until its outcome is known. */
export type Batch = {
  batchId: string;
  recordedAtMs: number;
  /** At most one ballot a voter a contest. */
  ballots: readonly Ballot[];
};

/**
 * - `recorded`: every ballot of the batch has a row, this batch's or an earlier one, and all of them are on a
 *   synchronous standby. `ballots` are those rows, in the batch's order.
 * - `not_recorded`: this attempt wrote nothing and never will; the same batch may be submitted again.
 * - `sealed`: likewise, because a contest of the batch takes no more ballots, for good: the seal is on a synchronous
 *   standby. Without that contest's ballots the rest may be recorded.
 * - `fenced`: another writer moved the stream on; this lane needs a fresh one. Nothing of the batch is at this place.
 * - `unknown`: it may be recorded, now or later. Only submitting the same batch at the same place resolves that.
 */
export type RecordOutcome =
  | { outcome: "recorded"; ballots: RecordedBallot[]; head: StreamHead }
  | { outcome: "not_recorded"; error: Error }
  | { outcome: "sealed"; contestLedgerId: number }
  | { outcome: "fenced"; error: Error }
  | { outcome: "unknown"; error: Error };

/** A single-writer connection to the ledger. Not for concurrent use: one call at a time. */
export interface StreamWriter extends AsyncDisposable {
  /** Finds the primary unless already connected. Throws when there is none that answers. */
  connect(): Promise<void>;
  /** Creates a stream that nobody else writes, durably. Throws when it can't. */
  openStream(): Promise<StreamHead>;
  /** One attempt, bounded in time. Never throws, never retries. */
  record(head: StreamHead, batch: Batch): Promise<RecordOutcome>;
}

/** Finds recorded ballots. What it answers is on a synchronous standby, so it may be told to a voter. Concurrent. */
export interface BallotFinder {
  /** The rows of those keys that have one, in no particular order. Throws when it can't know. */
  find(keys: readonly BallotKey[]): Promise<RecordedBallot[]>;
}

export function ballotKey({ contestLedgerId, voterKey }: BallotKey): string {
  return `${contestLedgerId}/${voterKey}`;
}
