/** An answer to a cast ballot: what the status, the body and Retry-After of the gateway's response mean. */
import type { AcceptedReceipt, Receipt } from "../election/receipt.ts";
import { asObject, type WireProblem } from "./wire.ts";

/** Codes by which a ballot is refused for good: sending the same again would be refused again. */
const REFUSALS = [
  "contest_not_open",
  "invalid_token",
  "wrong_election",
  "no_such_contest",
  "invalid_ballot",
] as const;

/** Malformed, too large, not JSON, not a ballot: what this page sent stays that however often it is sent. */
const NEVER_A_BALLOT = [400, 413, 415, 422];

export type Refusal = Omit<WireProblem, "code"> & { code: (typeof REFUSALS)[number] };

export type Answer =
  | { kind: "recorded"; receipt: Receipt }
  | { kind: "accepted"; receipt: AcceptedReceipt }
  | { kind: "already_voted" }
  | { kind: "refused"; refusal: Refusal }
  /** This request had no effect and may be sent again. */
  | { kind: "not_recorded"; cause: "rate_limited" | "overloaded"; retryAfterMs: number }
  | { kind: "unknown"; retryAfterMs: number };

/** What has become of an accepted ballot, as POST /v1/receipts/verify tells. */
export type Fate =
  | { fate: "recorded"; receipt: Receipt }
  | { fate: "pending"; retryAfterMs: number }
  /** Another ballot of the voter counts. */
  | { fate: "duplicate" }
  | { fate: "rejected"; reason: string }
  /** The ledger has another record there, or none: whatever was accepted is not there. */
  | { fate: "lost" };

/** A response that has been read whole; `body` is its parsed JSON, or undefined when it was not JSON. */
export type ReadResponse = { status: number; retryAfterMs: number; body: unknown };

/**
 * Only what is certain to come from a gateway settles anything: a captive portal's "200 OK" page has no receipt
 * with this ballot's nonce, and a proxy's error page has no code. Both are unknown outcomes.
 */
export function readAnswer(response: ReadResponse, nonce: string): Answer {
  const { status, retryAfterMs, body } = response;
  const { code, receipt, ...problem } = asObject(body);
  if (status >= 200 && status < 300 && asObject(receipt).nonce === nonce) {
    if (status === 202) return { kind: "accepted", receipt: receipt as AcceptedReceipt };
    return { kind: "recorded", receipt: receipt as Receipt };
  }
  if (status === 409 && code === "already_voted") return { kind: "already_voted" };
  if (status === 429) return { kind: "not_recorded", cause: "rate_limited", retryAfterMs };
  if (status === 503 && code === "not_recorded") {
    return { kind: "not_recorded", cause: "overloaded", retryAfterMs };
  }
  const known = REFUSALS.find((refusal) => refusal === code);
  if (known !== undefined) return { kind: "refused", refusal: { ...problem, code: known } };
  if (NEVER_A_BALLOT.includes(status) && typeof code === "string") {
    return { kind: "refused", refusal: { ...problem, code: "invalid_ballot" } };
  }
  return { kind: "unknown", retryAfterMs };
}

/** Everything but a definite fate is "pending": asking again is safe. */
export function readFate(response: ReadResponse, nonce: string): Fate {
  const { status, retryAfterMs, body } = response;
  const said = asObject(body);
  const pending: Fate = { fate: "pending", retryAfterMs };
  if (status !== 200) return pending;
  switch (said.status) {
    case "recorded":
      if (asObject(said.receipt).nonce !== nonce) return pending;
      return { fate: "recorded", receipt: said.receipt as Receipt };
    case "duplicate":
      return { fate: "duplicate" };
    case "rejected":
      return { fate: "rejected", reason: typeof said.reason === "string" ? said.reason : "" };
    case "unknown_receipt":
      return { fate: "lost" };
    default:
      return pending;
  }
}

/** Retry-After in milliseconds (RFC 9110, section 10.2.3: seconds or a date); 0 when absent or not understood. */
export function readRetryAfterMs(header: string | null, nowMs: number): number {
  if (header === null) return 0;
  const seconds = Number(header);
  const waitMs = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - nowMs;
  return Number.isFinite(waitMs) ? Math.max(0, waitMs) : 0;
}
