import { expect, test } from "bun:test";
import fc from "fast-check";
import { LatencyHistogram } from "../../src/client/latency-histogram.ts";

test("every percentile is the sorted values' own, within 0.8 % or a microsecond", () => {
  const latencies = fc.array(fc.double({ min: 0, max: 60_000, noNaN: true }), {
    minLength: 1,
    maxLength: 300,
  });
  fc.assert(
    fc.property(latencies, fc.double({ min: 0, max: 1, noNaN: true }), (values, share) => {
      const histogram = new LatencyHistogram();
      for (const value of values) histogram.record(value);
      const sorted = values.toSorted((a, b) => a - b);
      const exact = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
      const read = histogram.percentileMs(share);
      expect(read).toBeGreaterThanOrEqual(exact - 0.001);
      expect(read).toBeLessThanOrEqual(exact * 1.008 + 0.001);
    }),
  );
});

test("the maximum is exact, and values beyond the last bucket are still counted", () => {
  const histogram = new LatencyHistogram();
  histogram.record(1);
  histogram.record(500_000);
  expect(histogram.count).toBe(2);
  expect(histogram.maxMs).toBe(500_000);
  expect(histogram.percentileMs(0.5)).toBeCloseTo(1, 1);
});

test("nothing recorded reads as 0", () => {
  expect(new LatencyHistogram().percentileMs(0.99)).toBe(0);
});
