/**
 * Where a contest stands now, and when to ask the server again. The clock opens and closes the form by itself:
 * 300 million waiting voters would otherwise all ask at the same second.
 */

import type { ContestAnswer } from "../election/answers.ts";
import type { ContestState } from "../election/contest.ts";

export type Standing = ContestState | "paused" | "void";

/** The server's last word, moved on by the clock where the contest's own times say so. */
export function standingAt(contest: ContestAnswer, nowMs: number): Standing {
  if (contest.void !== null) return "void";
  let state = contest.state;
  if (state === "scheduled" && contest.opensAt !== null && nowMs >= Date.parse(contest.opensAt))
    state = "open";
  if (state === "open" && contest.closesAt !== null && nowMs >= Date.parse(contest.closesAt))
    state = "closing";
  return state === "open" && contest.paused ? "paused" : state;
}

/** The next instant at which {@link standingAt} may change by itself, or null. */
export function nextTurnMs(contest: ContestAnswer, nowMs: number): number | null {
  const turns = [contest.opensAt, contest.closesAt].flatMap((at) => (at === null ? [] : [Date.parse(at)]));
  const ahead = turns.filter((turnMs) => turnMs > nowMs);
  return ahead.length === 0 ? null : Math.min(...ahead);
}

const WAIT_MS_FIRST = 15_000;
const WAIT_MS_MOST = 60_000;
const SOON_MS = 120_000;
const CLOSING_LOOKS_MAX = 3;

/**
 * How long until the page asks for the contest again, or null for never; `looks` counts how often it asked
 * since the standing last changed. Waits grow to a minute and are spread by half of themselves.
 */
export function nextLookMs(
  contest: ContestAnswer,
  nowMs: number,
  looks: number,
  random: number,
): number | null {
  const spreadMs = Math.min(WAIT_MS_MOST, WAIT_MS_FIRST * 2 ** Math.min(looks, 10)) * (0.75 + random / 2);
  switch (standingAt(contest, nowMs)) {
    case "open":
    case "final":
    case "void":
      return null;
    case "scheduled": {
      // The opening may be moved, but near it the clock opens the form and nobody asks.
      const aheadMs = contest.opensAt === null ? Infinity : Date.parse(contest.opensAt) - nowMs;
      return aheadMs < SOON_MS ? null : Math.min(spreadMs * 2, aheadMs - (SOON_MS / 2) * (1 + random));
    }
    case "draft":
    case "paused":
      return spreadMs;
    case "closing":
      // The closing time may have been moved later; once that is ruled out, nothing more can happen here.
      return looks < CLOSING_LOOKS_MAX ? spreadMs : null;
  }
}
