/** What is logged when one thing fails again and again. */
import { expect, test } from "bun:test";
import pino from "pino";
import { atMostEvery, failureLog } from "../../src/runtime/log.ts";
import { Problem } from "../../src/runtime/problem.ts";
import { eventually } from "../support/eventually.ts";

test("of calls in quick succession the first is written, and the next one counts those between", async () => {
  const written: [number, string][] = [];
  const write = atMostEvery(100, (unwritten, word: string) => written.push([unwritten, word]));
  for (const word of ["a", "b", "c"]) write(word);
  expect(written).toEqual([[0, "a"]]);
  await eventually("another one is written", () => {
    write("d");
    return written.length === 2;
  });
  const [, [unwritten, word]] = written as [unknown, [number, string]];
  expect(unwritten).toBeGreaterThanOrEqual(2);
  expect(word).toBe("d");
});

test("bugs are all logged; what lies behind problems once, with its cause", () => {
  const lines: Record<string, unknown>[] = [];
  const report = failureLog(pino({ base: null }, { write: (line) => lines.push(JSON.parse(line)) }));
  const cause = new Error("db1:5432 refused");
  for (let i = 0; i < 3; i++)
    report(new Problem("not_available", "the ledger does not answer now", { cause }));
  for (let i = 0; i < 2; i++) report(new TypeError("a bug"));
  expect(lines).toMatchObject([
    { code: "not_available", msg: "the ledger does not answer now", err: { message: "db1:5432 refused" } },
    { err: { message: "a bug" } },
    { err: { message: "a bug" } },
  ]);
});
