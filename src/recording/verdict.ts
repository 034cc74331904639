/** What the ledger's row means for one request to cast a ballot. */
import { type Selections, sameSelections } from "../election/selections.ts";
import type { RecordedBallot } from "./ledger.ts";

/** What one request asked for; `nonce` only where the client chose it. */
export type CastRequest = { selections: Selections; clientNonce: string | null };

/** What a row that an earlier request recorded means. */
export type RowVerdict = { verdict: "repeated"; ballot: RecordedBallot } | { verdict: "already_voted" };

/**
 * - `recorded`: by this very request. `repeated`: the same ballot had been recorded before.
 * - `already_voted`: another ballot of this voter is recorded; which one is not told.
 */
export type Verdict =
  | { verdict: "recorded"; ballot: RecordedBallot }
  | RowVerdict
  | { verdict: "not_recorded"; reason: string }
  | { verdict: "outcome_unknown"; reason: string }
  | { verdict: "contest_not_open" };

/** The verdict on a request whose voter has this row; with a client's nonce the ballot is the same only if it agrees. */
export function verdictOnRow(request: CastRequest, ballot: RecordedBallot): RowVerdict {
  const same =
    sameSelections(request.selections, ballot.selections) &&
    (request.clientNonce === null || request.clientNonce === ballot.nonce);
  return same ? { verdict: "repeated", ballot } : { verdict: "already_voted" };
}
