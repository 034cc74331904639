/** What may be done with a contest, and when. Pure: the change to make, or why it is refused. */
import { type Contest, contestStateAt } from "../election/contest.ts";

/** The fields that administration changes. */
export type ContestChange = Partial<
  Pick<Contest, "opensAtMs" | "closesAtMs" | "closeIsKnown" | "paused" | "voided">
>;

export type Transition = { change: ContestChange } | { refused: string };

export type TransitionClock = {
  nowMs: number;
  /** How long a gateway may go on believing what it knew of a contest; a close is announced that long before. */
  noticeMs: number;
};

/** Opens now. Already open: nothing to do. What was closed is never opened again. */
export function open(contest: Contest, { nowMs, noticeMs }: TransitionClock): Transition {
  const state = contestStateAt(contest, nowMs);
  if (state === "open") return { change: {} };
  if (state === "closing" || state === "final")
    return { refused: "it was closed, and nothing reopens a contest" };
  if (contest.closesAtMs !== null && contest.closesAtMs <= nowMs + noticeMs) {
    return { refused: "it is about to close" };
  }
  return { change: { opensAtMs: nowMs } };
}

/** Closes as soon as every gateway can know of it. Closed, or closing sooner: nothing to do. */
export function close(contest: Contest, { nowMs, noticeMs }: TransitionClock): Transition {
  const state = contestStateAt(contest, nowMs);
  if (state === "draft" || state === "scheduled") return { refused: "it is not open yet" };
  const closesAtMs = nowMs + noticeMs;
  if (contest.closesAtMs !== null && contest.closesAtMs <= closesAtMs) return { change: {} };
  return { change: { closesAtMs, closeIsKnown: false } };
}

/** For a close that may not have been known early enough: as far ahead as any, unless the seal is already there. */
export function announceAgain(contest: Contest, { nowMs, noticeMs }: TransitionClock): Transition {
  if (contest.sealedAtMs !== null || contest.closesAtMs === null) return { change: {} };
  // Somebody else has found it known early enough, and barriers may be written for it: it must not move any more.
  if (contest.buffering !== null && contest.closeIsKnown) return { change: {} };
  return { change: { closesAtMs: Math.max(contest.closesAtMs, nowMs + noticeMs), closeIsKnown: false } };
}

/** Once the announcement of this close was quick enough. */
export function closeIsKnown(closesAtMs: number | null): (contest: Contest) => Transition {
  return (contest) => ({ change: contest.closesAtMs === closesAtMs ? { closeIsKnown: true } : {} });
}

export function pause(contest: Contest, { nowMs }: TransitionClock): Transition {
  if (contestStateAt(contest, nowMs) !== "open") return { refused: "it is not open" };
  return { change: { paused: true } };
}

export function resume(contest: Contest, { nowMs }: TransitionClock): Transition {
  if (contestStateAt(contest, nowMs) !== "open") return { refused: "it is not open" };
  return { change: { paused: false } };
}

/** Moves the close later, while nobody can yet have been refused for it. */
export function extend(contest: Contest, closesAtMs: number, { nowMs }: TransitionClock): Transition {
  const state = contestStateAt(contest, nowMs);
  if (state === "closing" || state === "final")
    return { refused: "it was closed, and nothing reopens a contest" };
  if (closesAtMs <= nowMs) return { refused: "the new closing time is in the past" };
  if (contest.closesAtMs === null) return { refused: "it has no closing time to extend: close it instead" };
  if (closesAtMs < contest.closesAtMs) return { refused: "the closing time can only be moved later" };
  return { change: { closesAtMs } };
}

/** Declares the contest without effect; it takes no more ballots, and those it has stay provable. */
export function declareVoid(contest: Contest, reason: string, clock: TransitionClock): Transition {
  if (contest.voided !== null) return { change: {} };
  const voided = { atMs: clock.nowMs, reason };
  if (contest.finalAtMs !== null) return { change: { voided } };
  const closesAtMs = Math.min(contest.closesAtMs ?? Number.POSITIVE_INFINITY, clock.nowMs + clock.noticeMs);
  // One that never opened goes through the same close and seal; being void it takes no ballots meanwhile.
  const opensAtMs = Math.min(contest.opensAtMs ?? Number.POSITIVE_INFINITY, clock.nowMs, closesAtMs - 1);
  return { change: { voided, closesAtMs, opensAtMs, closeIsKnown: false } };
}
