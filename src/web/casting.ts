/**
 * Casting one ballot, as a state machine: pure, so that what a voter is told can be proved by tests.
 *
 *   idle ── cast ──▶ sending ── answer ──▶ recorded | already_voted | refused | rejected
 *                     ▲    │                ▲
 *               retry │    ▼                │ verified
 *                    waiting ◀────────── accepted (asks again until it knows)
 *
 * A ballot keeps its nonce and selections through every attempt. `unknownAtMs` is when an attempt last ended without
 * an answer, or null when none did: from then on the voter hears "we do not know yet", never "not recorded",
 * until an answer settles it.
 */
import type { AcceptedReceipt, Receipt } from "../election/receipt.ts";
import type { Answer, Fate, Refusal } from "./answer.ts";
import { backoffMs } from "./backoff.ts";

export type Ballot = { nonce: string; selections: number[] };

export type WaitingCause = "rate_limited" | "overloaded" | "unknown" | Refusal;

export type Casting =
  | { phase: "idle" }
  | { phase: "sending"; ballot: Ballot; attempt: number; unknownAtMs: number | null }
  | {
      phase: "waiting";
      ballot: Ballot;
      attempt: number;
      unknownAtMs: number | null;
      cause: WaitingCause;
      delayMs: number;
    }
  | {
      phase: "accepted";
      ballot: Ballot;
      receipt: AcceptedReceipt;
      unknownAtMs: number | null;
      checks: number;
      delayMs: number;
    }
  | { phase: "recorded"; ballot: Ballot; receipt: Receipt }
  | { phase: "rejected"; ballot: Ballot; receipt: AcceptedReceipt; reason: string }
  | { phase: "already_voted"; ballot: Ballot }
  | { phase: "refused"; ballot: Ballot; refusal: Refusal };

export type CastingEvent =
  | { event: "cast"; ballot: Ballot }
  | { event: "resume"; saved: SavedCasting; nowMs: number }
  | { event: "retry" }
  | { event: "answer"; answer: Answer; nowMs: number; random: number }
  | { event: "verified"; fate: Fate; nowMs: number; random: number }
  | { event: "dismiss" };

/** What outlives the page. A ballot that is not saved before its first attempt could be lost with the tab. */
export type SavedCasting =
  | { status: "pending"; ballot: Ballot; inDoubt: boolean }
  | { status: "accepted"; ballot: Ballot; receipt: AcceptedReceipt; inDoubt: boolean }
  | { status: "recorded"; ballot: Ballot; receipt: Receipt }
  | { status: "rejected"; ballot: Ballot; receipt: AcceptedReceipt; reason: string }
  | { status: "already_voted"; ballot: Ballot };

export const RETRY = { firstMs: 1_000, mostMs: 30_000 };
export const VERIFY = { firstMs: 1_000, mostMs: 30_000 };

/**
 * How long after an unknown outcome "not open" is not believed yet. After a close a gateway says so only of what will
 * never be recorded; while the contest is paused or void it can't know of an attempt through another gateway, which may still
 * be on its way. It rests on gateways that let a ballot wait 5 s, their default (--deadline-ms), and on commits that
 * then have an outcome soon: nothing tells a page of those that wait longer.
 */
export const IN_FLIGHT_MS_MAX = 15_000;

export function step(casting: Casting, event: CastingEvent): Casting {
  switch (event.event) {
    case "cast":
      if (casting.phase !== "idle" && !canBeDismissed(casting)) return casting;
      return { phase: "sending", ballot: event.ballot, attempt: 1, unknownAtMs: null };
    case "resume":
      return casting.phase === "idle" ? resumed(event.saved, event.nowMs) : casting;
    case "retry":
      if (casting.phase !== "waiting") return casting;
      return {
        phase: "sending",
        ballot: casting.ballot,
        attempt: casting.attempt + 1,
        unknownAtMs: casting.unknownAtMs,
      };
    case "answer":
      return casting.phase === "sending" ? answered(casting, event) : casting;
    case "verified":
      return casting.phase === "accepted" ? verified(casting, event) : casting;
    case "dismiss":
      return canBeDismissed(casting) ? { phase: "idle" } : casting;
  }
}

/** Whether this ballot has come to nothing, so that there may be another one. */
export function canBeDismissed({ phase }: Casting): boolean {
  return phase === "refused" || phase === "rejected";
}

function resumed(saved: SavedCasting, nowMs: number): Casting {
  const { ballot } = saved;
  switch (saved.status) {
    case "pending":
      return { phase: "sending", ballot, attempt: 1, unknownAtMs: saved.inDoubt ? nowMs : null };
    case "accepted": {
      const unknownAtMs = saved.inDoubt ? nowMs : null;
      return { phase: "accepted", ballot, receipt: saved.receipt, unknownAtMs, checks: 0, delayMs: 0 };
    }
    case "recorded":
      return { phase: "recorded", ballot, receipt: saved.receipt };
    case "rejected":
      return { phase: "rejected", ballot, receipt: saved.receipt, reason: saved.reason };
    case "already_voted":
      return { phase: "already_voted", ballot };
  }
}

type Sending = Extract<Casting, { phase: "sending" }>;
type Accepted = Extract<Casting, { phase: "accepted" }>;
type Moment = { nowMs: number; random: number };

function answered(sending: Sending, { answer, nowMs, random }: Moment & { answer: Answer }): Casting {
  const { ballot, unknownAtMs } = sending;
  switch (answer.kind) {
    case "recorded":
      return { phase: "recorded", ballot, receipt: answer.receipt };
    case "accepted":
      return {
        phase: "accepted",
        ballot,
        receipt: answer.receipt,
        unknownAtMs,
        checks: 0,
        delayMs: backoffMs(VERIFY, 2, 0, random),
      };
    case "already_voted":
      return { phase: "already_voted", ballot };
    case "refused":
      if (unknownAtMs === null || settlesDoubt(answer.refusal, nowMs - unknownAtMs)) {
        return { phase: "refused", ballot, refusal: answer.refusal };
      }
      return waiting(sending, answer.refusal, unknownAtMs, 0, random);
    case "not_recorded":
      return waiting(sending, answer.cause, unknownAtMs, answer.retryAfterMs, random);
    case "unknown":
      return waiting(sending, "unknown", nowMs, answer.retryAfterMs, random);
  }
}

/** A gateway looks for the voter's ballot before it answers "not open", but after it answers "invalid token". */
function settlesDoubt(refusal: Refusal, sinceUnknownMs: number): boolean {
  return refusal.code === "contest_not_open" && sinceUnknownMs >= IN_FLIGHT_MS_MAX;
}

function waiting(
  { ballot, attempt }: { ballot: Ballot; attempt: number },
  cause: WaitingCause,
  unknownAtMs: number | null,
  retryAfterMs: number,
  random: number,
): Casting {
  const delayMs = backoffMs(RETRY, attempt + 1, retryAfterMs, random);
  return { phase: "waiting", ballot, attempt, unknownAtMs, cause, delayMs };
}

function verified(accepted: Accepted, { fate, nowMs, random }: Moment & { fate: Fate }): Casting {
  const { ballot } = accepted;
  switch (fate.fate) {
    case "recorded":
      return { phase: "recorded", ballot, receipt: fate.receipt };
    case "duplicate":
      return { phase: "already_voted", ballot };
    case "rejected":
      if (accepted.unknownAtMs === null) {
        return { phase: "rejected", ballot, receipt: accepted.receipt, reason: fate.reason };
      }
      return castAgain(accepted, nowMs, random);
    case "lost":
      return castAgain(accepted, nowMs, random);
    case "pending": {
      const checks = accepted.checks + 1;
      return { ...accepted, checks, delayMs: backoffMs(VERIFY, checks + 2, fate.retryAfterMs, random) };
    }
  }
}

/**
 * An earlier attempt that came in time may be written down after this one was rejected, or no ledger knows of what was
 * accepted: sending it once more is safe, and settles it.
 */
function castAgain({ ballot, checks }: Accepted, nowMs: number, random: number): Casting {
  return waiting({ ballot, attempt: checks + 1 }, "unknown", nowMs, 0, random);
}

/** What to save for a state; null means that nothing of this ballot needs to outlive the page. */
export function savedForm(casting: Casting): SavedCasting | null {
  switch (casting.phase) {
    case "idle":
    case "refused":
      return null;
    case "sending":
      // Should the page end during the attempt, nobody knows how the attempt ended.
      return { status: "pending", ballot: casting.ballot, inDoubt: true };
    case "waiting":
      return { status: "pending", ballot: casting.ballot, inDoubt: casting.unknownAtMs !== null };
    case "accepted": {
      const { ballot, receipt, unknownAtMs } = casting;
      return { status: "accepted", ballot, receipt, inDoubt: unknownAtMs !== null };
    }
    case "recorded":
      return { status: "recorded", ballot: casting.ballot, receipt: casting.receipt };
    case "rejected":
      return {
        status: "rejected",
        ballot: casting.ballot,
        receipt: casting.receipt,
        reason: casting.reason,
      };
    case "already_voted":
      return { status: "already_voted", ballot: casting.ballot };
  }
}
