/** Casting: what a voter is told after every answer, and that doubt stays until an answer settles it. */
import { describe, expect, test } from "bun:test";
import type { AcceptedReceipt, Receipt } from "../../src/election/receipt.ts";
import type { Answer, Refusal } from "../../src/web/answer.ts";
import {
  type Ballot,
  type Casting,
  type CastingEvent,
  IN_FLIGHT_MS_MAX,
  savedForm,
  step,
} from "../../src/web/casting.ts";

const ballot: Ballot = { nonce: "AAAAAAAAAAAAAAAAAAAAAA", selections: [2] };
const receipt: Receipt = {
  contest: "c",
  leaf: "l",
  nonce: ballot.nonce,
  selections: [2],
  stream: 1,
  seq: 2,
  index: 3,
  recordedAt: "2026-01-01T00:00:00.000Z",
};
const acceptedReceipt: AcceptedReceipt = {
  contest: "c",
  leaf: "l",
  nonce: ballot.nonce,
  selections: [2],
  partition: 1,
  offset: 9,
  acceptedAt: "2026-01-01T00:00:00.000Z",
};

const CAST: CastingEvent = { event: "cast", ballot };
const RETRY: CastingEvent = { event: "retry" };
const answer = (given: Answer, nowMs = 0): CastingEvent => ({
  event: "answer",
  answer: given,
  nowMs,
  random: 0,
});
const UNKNOWN: Answer = { kind: "unknown", retryAfterMs: 0 };
const OVERLOADED: Answer = { kind: "not_recorded", cause: "overloaded", retryAfterMs: 0 };
const RECORDED: Answer = { kind: "recorded", receipt };
const refused = (code: Refusal["code"]): Answer => ({ kind: "refused", refusal: { code } });

function after(...events: CastingEvent[]): Casting {
  return events.reduce(step, { phase: "idle" } as Casting);
}

/** Whether the state tells the voter that the outcome is unknown. */
function inDoubt(casting: Casting): boolean {
  return "unknownAtMs" in casting && casting.unknownAtMs !== null;
}

describe("each answer leads to its state", () => {
  test.each([
    [RECORDED, "recorded"],
    [{ kind: "accepted", receipt: acceptedReceipt } as Answer, "accepted"],
    [{ kind: "already_voted" } as Answer, "already_voted"],
    [refused("contest_not_open"), "refused"],
    [refused("invalid_token"), "refused"],
    [refused("wrong_election"), "refused"],
    [refused("no_such_contest"), "refused"],
    [refused("invalid_ballot"), "refused"],
    [OVERLOADED, "waiting"],
    [UNKNOWN, "waiting"],
  ])("%o", (given, phase) => {
    expect(after(CAST, answer(given)).phase).toBe(phase as Casting["phase"]);
  });
});

test("a retry sends the same ballot", () => {
  const again = after(CAST, answer(OVERLOADED), RETRY);
  expect(again).toMatchObject({ phase: "sending", ballot, attempt: 2 });
});

test("an overloaded gateway leaves no doubt: this request alone was not recorded", () => {
  expect(inDoubt(after(CAST, answer(OVERLOADED)))).toBe(false);
});

describe("an unknown outcome", () => {
  test("stays unknown through answers that speak of one request alone", () => {
    const doubtful = after(CAST, answer(UNKNOWN), RETRY, answer(OVERLOADED), RETRY);
    expect(inDoubt(doubtful)).toBe(true);
  });

  test.each(["invalid_token", "wrong_election", "no_such_contest", "invalid_ballot"] as const)(
    "is not settled by %s: that is answered before the ledger is asked",
    (code) => {
      const casting = after(CAST, answer(UNKNOWN), RETRY, answer(refused(code), 10 * IN_FLIGHT_MS_MAX));
      expect(casting).toMatchObject({ phase: "waiting", cause: { code } });
      expect(inDoubt(casting)).toBe(true);
    },
  );

  test("is not settled by 'not open' while the earlier attempt may be on its way, and is afterwards", () => {
    const doubtful = after(CAST, answer(UNKNOWN, 1_000), RETRY);
    const early = step(doubtful, answer(refused("contest_not_open"), 1_000 + IN_FLIGHT_MS_MAX - 1));
    expect(early.phase).toBe("waiting");
    expect(inDoubt(early)).toBe(true);
    const late = step(doubtful, answer(refused("contest_not_open"), 1_000 + IN_FLIGHT_MS_MAX));
    expect(late.phase).toBe("refused");
  });

  test.each([
    [RECORDED, "recorded"],
    [{ kind: "already_voted" } as Answer, "already_voted"],
  ])("is settled by %o", (given, phase) => {
    expect(after(CAST, answer(UNKNOWN), RETRY, answer(given)).phase).toBe(phase as Casting["phase"]);
  });
});

describe("what is saved", () => {
  test("an attempt under way is saved as in doubt, since a page that ends then learns nothing", () => {
    expect(savedForm(after(CAST))).toEqual({ status: "pending", ballot, inDoubt: true });
  });

  test("a ballot that waits after a definite answer is not in doubt", () => {
    expect(savedForm(after(CAST, answer(OVERLOADED)))).toEqual({ status: "pending", ballot, inDoubt: false });
  });

  test.each([
    ["pending", after(CAST, answer(UNKNOWN))],
    ["recorded", after(CAST, answer(RECORDED))],
    ["accepted", after(CAST, answer({ kind: "accepted", receipt: acceptedReceipt }))],
    ["already_voted", after(CAST, answer({ kind: "already_voted" }))],
  ])("%s is resumed with the same ballot", (_status, casting) => {
    const saved = savedForm(JSON.parse(JSON.stringify(casting)))!;
    const resumed = after({ event: "resume", saved, nowMs: 5 });
    expect(resumed.phase === "idle" ? null : resumed.ballot).toEqual(ballot);
    expect(inDoubt(resumed)).toBe(inDoubt(casting));
  });

  test("a refused ballot is not kept", () => {
    expect(savedForm(after(CAST, answer(refused("invalid_ballot"))))).toBeNull();
  });
});

describe("an accepted ballot", () => {
  const accepted = after(CAST, answer({ kind: "accepted", receipt: acceptedReceipt }));
  const verified = (fate: Extract<CastingEvent, { event: "verified" }>["fate"]): CastingEvent => ({
    event: "verified",
    fate,
    nowMs: 7,
    random: 0,
  });

  test("is asked after, ever less often, until it is recorded", () => {
    const once = step(accepted, verified({ fate: "pending", retryAfterMs: 0 }));
    const twice = step(once, verified({ fate: "pending", retryAfterMs: 0 }));
    expect(once.phase === "accepted" && twice.phase === "accepted" && twice.delayMs > once.delayMs).toBe(
      true,
    );
    expect(step(twice, verified({ fate: "recorded", receipt }))).toEqual({
      phase: "recorded",
      ballot,
      receipt,
    });
  });

  test("whose voter has another ballot is told so, and asked after no more", () => {
    expect(step(accepted, verified({ fate: "duplicate" }))).toEqual({ phase: "already_voted", ballot });
  });

  test("that is rejected is told why, also after a reload, and another one may be cast", () => {
    const rejected = step(accepted, verified({ fate: "rejected", reason: "too late" }));
    expect(rejected).toEqual({ phase: "rejected", ballot, receipt: acceptedReceipt, reason: "too late" });
    const saved = savedForm(JSON.parse(JSON.stringify(rejected)))!;
    const resumed = after({ event: "resume", saved, nowMs: 5 });
    expect(resumed).toEqual(rejected);
    expect(step(resumed, { event: "dismiss" })).toEqual({ phase: "idle" });
  });

  test("is not called rejected while an earlier attempt of it may still be recorded: it is cast once more", () => {
    const doubtful = after(
      CAST,
      answer(UNKNOWN),
      RETRY,
      answer({ kind: "accepted", receipt: acceptedReceipt }),
    );
    const reloaded = after({ event: "resume", saved: savedForm(doubtful)!, nowMs: 5 });
    for (const each of [doubtful, reloaded]) {
      const again = step(each, verified({ fate: "rejected", reason: "too late" }));
      expect(again).toMatchObject({ phase: "waiting", ballot });
      expect(inDoubt(again)).toBe(true);
    }
  });

  test("that no ledger knows is cast once more", () => {
    const again = step(accepted, verified({ fate: "lost" }));
    expect(again).toMatchObject({ phase: "waiting", ballot });
    expect(inDoubt(again)).toBe(true);
  });
});

test("a second cast does not replace a ballot under way", () => {
  const other: CastingEvent = { event: "cast", ballot: { nonce: "other", selections: [1] } };
  for (const events of [[CAST], [CAST, answer(UNKNOWN)], [CAST, answer(RECORDED)]]) {
    expect(step(after(...events), other)).toMatchObject({ ballot });
  }
});
