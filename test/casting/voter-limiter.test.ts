/** The voter limiter by itself, on a clock of the test's own. */
import { expect, test } from "bun:test";
import { VoterLimiter } from "../../src/casting/voter-limiter.ts";

function limiter() {
  const clock = { nowMs: 5_000 };
  const admit = new VoterLimiter({ requestsMax: 3, windowMs: 1_000, steadyMs: () => clock.nowMs });
  return { clock, admits: (voterKey: string) => admit.admit(voterKey) };
}

const ana = "0123456789abcdef0123456789abcdef";
const ben = "0123456789abcdef0123456789abcdee";

test("so many in a window and no more, then again", () => {
  const { clock, admits } = limiter();
  expect([1, 2, 3, 4, 5].map(() => admits(ana))).toEqual([true, true, true, false, false]);
  clock.nowMs += 999;
  expect(admits(ana)).toBe(false);
  clock.nowMs += 1;
  expect([1, 2, 3, 4].map(() => admits(ana))).toEqual([true, true, true, false]);
});

test("one voter's requests are not another's", () => {
  const { admits } = limiter();
  for (let i = 0; i < 100; i++) admits(ana);
  expect([1, 2, 3, 4].map(() => admits(ben))).toEqual([true, true, true, false]);
});
