/** A contest: what is being decided, by whom it may be seen, and when it takes ballots. */
import type { Buffering } from "./buffering.ts";
import type { ContestTally } from "./tally.ts";

export type Option = { number: number; title: string };

export type ContestState = "draft" | "scheduled" | "open" | "closing" | "final";

/** A contest as every role knows it. Times are epoch milliseconds; null means "not set". */
export type Contest = {
  /** The row number inside one ledger; never leaves it. */
  ledgerId: number;
  /** The public id used in URLs: a short slug, or the uuid. */
  id: string;
  /** What receipts and leaves name the contest by. */
  uuid: string;
  electionUuid: string;
  electionId: string;
  title: string;
  method: "single-choice";
  options: Option[];
  allowBlank: boolean;
  resultsVisible: "live" | "final";
  allowedOrigins: string[];
  /** Its election's. */
  buffering: Buffering | null;
  opensAtMs: number | null;
  closesAtMs: number | null;
  /** False while gateways may not have known of the announced close early enough: it is announced again, later. */
  closeIsKnown: boolean;
  paused: boolean;
  voided: { atMs: number; reason: string } | null;
  /** When it became impossible to record another ballot. */
  sealedAtMs: number | null;
  /** When the sealed contest's counts were proved and published; the state is final from then on. */
  finalAtMs: number | null;
  /** The proved counts of a final contest. */
  finalTally: ContestTally | null;
};

/** What a contest is before anything was done with it. */
export const UNCHANGED = {
  closeIsKnown: true,
  paused: false,
  voided: null,
  sealedAtMs: null,
  finalAtMs: null,
  finalTally: null,
} satisfies Partial<Contest>;

/** Where a contest stands at an instant. Pausing and voiding are facts beside the state, not states. */
export function contestStateAt(contest: Contest, nowMs: number): ContestState {
  if (contest.finalAtMs !== null) return "final";
  if (contest.sealedAtMs !== null) return "closing";
  if (contest.closesAtMs !== null && nowMs >= contest.closesAtMs) return "closing";
  if (contest.opensAtMs === null) return "draft";
  if (nowMs < contest.opensAtMs) return "scheduled";
  return "open";
}

/** Whether a ballot that arrived at this instant may be recorded, as far as the contest's times tell. */
export function takesBallotsAt(contest: Contest, arrivedAtMs: number): boolean {
  if (contest.sealedAtMs !== null || contest.paused || contest.voided !== null) return false;
  return contestStateAt(contest, arrivedAtMs) === "open";
}

/** Whether the contest is closed, while ballots that arrived before may still be recorded. */
export function isClosingAt(contest: Contest, nowMs: number): boolean {
  return contest.sealedAtMs === null && contestStateAt(contest, nowMs) === "closing";
}

/** Why a contest takes no ballot at this instant, in words for the voter. */
export function notOpenReason(contest: Contest, nowMs: number): string {
  const state = contestStateAt(contest, nowMs);
  if (contest.voided !== null) return `this contest was declared void: ${contest.voided.reason}`;
  if (state === "draft" || state === "scheduled") {
    const opens =
      contest.opensAtMs === null ? "" : `, it opens at ${new Date(contest.opensAtMs).toISOString()}`;
    return `this contest is not open yet${opens}`;
  }
  if (state === "open" && contest.paused) return "this contest is paused: try again later";
  return "this contest is closed";
}

/** Whether choices may be shown: always when live, otherwise once final. Turnout may be shown at any time. */
export function choicesVisible(contest: Contest): boolean {
  return contest.resultsVisible === "live" || contest.finalAtMs !== null;
}
