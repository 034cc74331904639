/** Waiting for the seal, on a directory that answers as the test says. */
import { expect, test } from "bun:test";
import { ClosingWatch } from "../../src/casting/closing-watch.ts";
import type { Contest } from "../../src/election/contest.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { eventually } from "../support/eventually.ts";

const closing = { uuid: "c0ffee00-0000-4000-8000-000000000000", closesAtMs: 1, sealedAtMs: null } as Contest;
const LATE_MS = systemClock.steadyMs() + 60_000;
const sealed = { ...closing, sealedAtMs: 2 };

function watchOf(answers: (Contest | Error | null)[], waitingMax = 100) {
  const asked = { count: 0 };
  const fresh = async () => {
    const answer = answers[Math.min(asked.count++, answers.length - 1)]!;
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { watch: new ClosingWatch({ fresh }, { pollMs: 1, waitingMax, clock: systemClock }), asked };
}

test("the ledger is asked until the seal, once a while however many wait", async () => {
  const { watch, asked } = watchOf([closing, null, closing, sealed]);
  const ended = await Promise.all(Array.from({ length: 100 }, () => watch.ended(closing, LATE_MS)));
  expect(ended).toEqual(Array(100).fill(sealed));
  expect(asked.count).toBe(4);
});

test("a close that has moved ends the waiting too", async () => {
  const moved = { ...closing, closesAtMs: 5 };
  expect(await watchOf([closing, moved]).watch.ended(closing, LATE_MS)).toEqual(moved);
});

test("a ledger that can't be asked fails those who wait, and the next are served", async () => {
  const { watch } = watchOf([new Error("no primary"), sealed]);
  const both = await Promise.allSettled([watch.ended(closing, LATE_MS), watch.ended(closing, LATE_MS)]);
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await watch.ended(closing, LATE_MS)).toEqual(sealed);
});

test("past the bound on waiting voters a further one is refused at once, and let in when others have left", async () => {
  const { watch } = watchOf([closing, sealed], 2);
  const waiting = [watch.ended(closing, LATE_MS), watch.ended(closing, LATE_MS)];
  await expect(watch.ended(closing, LATE_MS)).rejects.toThrow("too many");
  await Promise.all(waiting);
  expect(await watch.ended(closing, LATE_MS)).toEqual(sealed);
});

test("who can't wait any longer leaves, makes room, and is the last for whom the ledger is asked", async () => {
  const { watch, asked } = watchOf([closing], 1);
  await expect(watch.ended(closing, systemClock.steadyMs() + 20)).rejects.toThrow("not sealed in time");
  await expect(watch.ended(closing, systemClock.steadyMs() + 20)).rejects.toThrow("not sealed in time");
  await eventually("nobody asks any more", async () => {
    const { count } = asked;
    await systemClock.pause(20);
    return asked.count === count;
  });
});
