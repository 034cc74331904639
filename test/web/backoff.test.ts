/** Backoff: grows, stays bounded, never comes before Retry-After, and is spread. */
import { expect, test } from "bun:test";
import { backoffMs } from "../../src/web/backoff.ts";

const BACKOFF = { firstMs: 1_000, mostMs: 30_000 };

test("waits grow to a bound, also after a thousand attempts", () => {
  const waits = [2, 3, 4, 5, 6, 7, 8, 1_000].map((attempt) => backoffMs(BACKOFF, attempt, 0, 0.999999));
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

test("no attempt comes before Retry-After, and those who were told the same do not return together", () => {
  const [soonest, latest] = [0, 0.999999].map((random) => backoffMs(BACKOFF, 2, 5_000, random));
  expect(soonest).toBe(5_000);
  expect(latest).toBe(5_500);
});

test("a Retry-After of a year is not believed", () => {
  expect(backoffMs(BACKOFF, 2, 365 * 86_400_000, 0)).toBeLessThanOrEqual(120_000);
});
