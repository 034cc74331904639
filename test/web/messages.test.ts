/** Messages: each answer is told as what it is, and doubt is never told as "not recorded". */
import { describe, expect, test } from "bun:test";
import type { Refusal } from "../../src/web/answer.ts";
import type { Casting, WaitingCause } from "../../src/web/casting.ts";
import { castingMessage, refusalMessage } from "../../src/web/messages.ts";

const ballot = { nonce: "n", selections: [1] };
const accepted = {
  contest: "c",
  leaf: "l",
  nonce: "n",
  selections: [1],
  partition: 0,
  offset: 1,
  acceptedAt: "2026-01-01T00:00:00.000Z",
};
const following = { unknownAtMs: null, checks: 0, delayMs: 0 };
const { partition: _, offset: __, acceptedAt: recordedAt, ...opened } = accepted;
const recorded = { ...opened, stream: 1, seq: 1, index: 0, recordedAt };
const waiting = (cause: WaitingCause, unknownAtMs: number | null): Casting => ({
  phase: "waiting",
  ballot,
  attempt: 1,
  unknownAtMs,
  cause,
  delayMs: 0,
});
const told = (casting: Casting, kept = true) => castingMessage(casting, kept)!;

test.each([
  [{ phase: "sending", ballot, attempt: 1, unknownAtMs: null } as Casting, "busy", "Sending"],
  [waiting("overloaded", null), "busy", "Not recorded yet"],
  [waiting("rate_limited", null), "busy", "Not recorded yet"],
  [{ ...following, phase: "accepted", ballot, receipt: accepted } as Casting, "busy", "Accepted"],
  [{ phase: "recorded", ballot, receipt: recorded } as Casting, "good", "recorded"],
  [{ phase: "rejected", ballot, receipt: accepted, reason: "too late" } as Casting, "bad", "does not count"],
  [{ phase: "already_voted", ballot } as Casting, "bad", "already voted"],
])("%o is told in its words", (casting, tone, words) => {
  expect(told(casting).tone).toBe(tone as "busy");
  expect(told(casting).title).toContain(words);
});

describe("doubt", () => {
  const causes: WaitingCause[] = [
    "unknown",
    "overloaded",
    "rate_limited",
    { code: "invalid_token" },
    { code: "wrong_election" },
    { code: "no_such_contest" },
    { code: "invalid_ballot" },
    { code: "contest_not_open", detail: "this contest is closed" },
  ];
  const states: Casting[] = [
    ...causes.map((cause) => waiting(cause, 1)),
    { phase: "sending", ballot, attempt: 1, unknownAtMs: 1 },
    { phase: "sending", ballot, attempt: 4, unknownAtMs: 1 },
  ];
  test.each(states)("is told as doubt: %o", (casting) => {
    const { title, text } = told(casting);
    expect(title).toStartWith("We do not know yet");
    expect(`${title} ${text}`).not.toMatch(/not recorded/i);
  });
});

test("closing the page is called safe only where the ballot is kept", () => {
  const sending: Casting = { phase: "sending", ballot, attempt: 1, unknownAtMs: null };
  expect(told(sending).text).toContain("You may close this page");
  expect(told(sending, false).text).toContain("Keep this page open");
});

test.each([
  [
    { code: "contest_not_open", detail: "this contest is closed" },
    "no ballots now",
    "this contest is closed",
  ],
  [{ code: "contest_not_open" }, "no ballots now", "not recorded."],
  [{ code: "invalid_token" }, "not valid", "newest"],
  [{ code: "wrong_election" }, "another election", "this election"],
  [{ code: "no_such_contest" }, "no such contest", "address"],
  [
    { code: "invalid_ballot", detail: "select one option only" },
    "not a valid ballot",
    "select one option only",
  ],
] as [Refusal, string, string][])("%o is told with its reason", (refusal, title, text) => {
  expect(refusalMessage(refusal).title).toContain(title);
  expect(refusalMessage(refusal).text).toContain(text);
});
