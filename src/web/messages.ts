/** What a voter is told: one message for every state of casting and every standing of a contest. */

import type { ContestAnswer } from "../election/answers.ts";
import type { Refusal } from "./answer.ts";
import type { Casting, WaitingCause } from "./casting.ts";
import type { Standing } from "./contest-clock.ts";
import { formatInstant } from "./format.ts";

/** `busy`: something is under way. `good`: it counts. `wait`: not now. `bad`: it will not count. */
export type Tone = "busy" | "good" | "wait" | "bad";

export type Message = { tone: Tone; title: string; text: string };

const SAFE_TO_CLOSE =
  "You may close this page: your ballot is kept in this browser, and sending continues when you open it again.";
const KEEP_OPEN = "Keep this page open: this browser does not let it keep your ballot for later.";
const ONCE = "Sending it again is safe: a ballot counts once.";

/** The message for a ballot; null while there is none. `kept`: whether the ballot would outlive the page. */
export function castingMessage(casting: Casting, kept: boolean): Message | null {
  const closing = kept ? SAFE_TO_CLOSE : KEEP_OPEN;
  switch (casting.phase) {
    case "idle":
      return null;
    case "sending":
      if (casting.unknownAtMs !== null) return inDoubt("", closing);
      if (casting.attempt === 1) return { tone: "busy", title: "Sending your ballot…", text: closing };
      return { tone: "busy", title: "Not recorded yet: still trying", text: `${closing} ${ONCE}` };
    case "waiting":
      if (casting.unknownAtMs !== null) return inDoubt(causeText(casting.cause), closing);
      return {
        tone: "busy",
        title: "Not recorded yet: still trying",
        text: `${causeText(casting.cause)} ${closing} ${ONCE}`,
      };
    case "accepted":
      return {
        tone: "busy",
        title: "Accepted: your ballot is on its way",
        text: `At least two servers have stored it, and it waits for its turn to be recorded. ${
          kept ? "You may close this page, and open it again to see it recorded." : KEEP_OPEN
        }`,
      };
    case "recorded":
      return {
        tone: "good",
        title: "Your ballot is recorded",
        text: "It counts once, and it is final. The receipt is your evidence: save it.",
      };
    case "rejected":
      return {
        tone: "bad",
        title: "Your ballot does not count",
        text: `It was accepted, and then not recorded${casting.reason ? `: ${casting.reason}` : ""}.`,
      };
    case "already_voted":
      return {
        tone: "bad",
        title: "You have already voted",
        text: "Another ballot of yours was recorded in this contest before, and it counts. This one does not.",
      };
    case "refused":
      return refusalMessage(casting.refusal);
  }
}

function inDoubt(cause: string, closing: string): Message {
  const text = `No certain answer came to an earlier attempt, so your ballot may or may not be recorded. ${cause} We keep asking. ${closing} ${ONCE}`;
  return {
    tone: "busy",
    title: "We do not know yet whether your ballot is recorded",
    text: text.replaceAll("  ", " "),
  };
}

function causeText(cause: WaitingCause): string {
  if (cause === "unknown") return "";
  if (cause === "overloaded") return "Very many people are voting right now.";
  if (cause === "rate_limited") return "Too many attempts came at once.";
  return `The server now says: ${refusalMessage(cause).title}.`;
}

/** None of these ballots counts: a refusal that leaves doubt is not told as one. */
export function refusalMessage(refusal: Refusal): Message {
  switch (refusal.code) {
    case "contest_not_open":
      return {
        tone: "wait",
        title: "This contest takes no ballots now",
        text: `Your ballot is not recorded${refusal.detail ? `: ${refusal.detail}` : ""}.`,
      };
    case "invalid_token":
      return {
        tone: "bad",
        title: "Your voting link is not valid, or it has expired",
        text: "Your ballot is not recorded. Open the newest personal voting link that you were given, or ask the organiser for another.",
      };
    case "wrong_election":
      return {
        tone: "bad",
        title: "Your voting link is for another election",
        text: "Your ballot is not recorded. Open the personal voting link that you were given for this election.",
      };
    case "no_such_contest":
      return {
        tone: "bad",
        title: "There is no such contest",
        text: "Your ballot is not recorded. Check the address of this page.",
      };
    case "invalid_ballot":
      return {
        tone: "bad",
        title: "This is not a valid ballot",
        text: `Your ballot is not recorded${refusal.detail ? `: ${refusal.detail}` : ""}.`,
      };
  }
}

/** What to tell instead of showing the form; null when the contest takes ballots. */
export function standingMessage(contest: ContestAnswer, standing: Standing, nowMs: number): Message | null {
  switch (standing) {
    case "open":
      return null;
    case "draft":
      return {
        tone: "wait",
        title: "Voting is not open yet",
        text: "This page opens by itself when voting does.",
      };
    case "scheduled":
      return {
        tone: "wait",
        title: opening(contest, nowMs),
        text: "This page opens by itself: there is no need to reload it.",
      };
    case "paused":
      return {
        tone: "wait",
        title: "Voting is paused",
        text: "This page goes on by itself when voting does.",
      };
    case "closing":
      return { tone: "bad", title: "Voting has closed", text: "The last ballots are being counted." };
    case "final":
      return { tone: "bad", title: "Voting has closed", text: "The result is final." };
    case "void":
      return { tone: "bad", title: "This contest was declared void", text: contest.void?.reason ?? "" };
  }
}

function opening(contest: ContestAnswer, nowMs: number): string {
  if (contest.opensAt === null) return "Voting is not open yet";
  return `Voting opens at ${formatInstant(Date.parse(contest.opensAt), nowMs)}`;
}
