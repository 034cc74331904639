import { expect, test } from "bun:test";
import { bytes, number, over, term, times, wholes } from "../../src/planning/terms.ts";

test("numbers have three digits that count, and whole ones all of theirs", () => {
  expect([0.0453, 2.5, 123.456, 1234.5, 300_000_000].map(number)).toEqual([
    ...["0.0453", "2.5", "123", "1,235", "300,000,000"],
  ]);
});

test("bytes come in steps of a thousand", () => {
  expect([0.5, 999, 1_000, 8_450_000, 24e9, 1.5e18].map((value) => bytes(value))).toEqual([
    ...["0.5 B", "999 B", "1 kB", "8.45 MB", "24 GB", "1,500 PB"],
  ]);
  expect(bytes(90_000_000, "/s")).toBe("90 MB/s");
});

test("what the arithmetic itself is off by is not rounded up", () => {
  expect(wholes(times(term(0.1), term(3), term(10))).value).toBe(3);
  expect(wholes(term(3.001)).value).toBe(4);
  expect(wholes(over(term(1), term(4)), 2)).toEqual({ value: 2, text: "1 ÷ 4 = 0.25, and 2 at least" });
});
