/** The mutation gate's guards are still where they were: a mutation that no longer applies proves nothing. */
import { expect, test } from "bun:test";
import { GUARDS } from "../mutations/guards.ts";
import { FILES } from "./files.ts";

test("every mutation applies, has a name of its own, and names a test file", () => {
  const counts = GUARDS.map(({ name, file, text }) => [name, FILES.get(file)!.split(text).length - 1]);
  expect(counts.filter(([, count]) => count !== 1)).toEqual([]);
  expect(new Set(GUARDS.map(({ name }) => name)).size).toBe(GUARDS.length);
  expect(GUARDS.filter(({ noticedBy: [file] }) => !FILES.has(file))).toEqual([]);
});

test("every file that the invariants name for a guard has one taken out", () => {
  const named = FILES.get("docs/invariants.md")!.match(/src\/[\w./-]+\.ts/g)!;
  expect(named.length).toBeGreaterThan(20);
  const mutated = new Set(GUARDS.map(({ file }) => file));
  expect(named.filter((file) => !mutated.has(file))).toEqual([]);
});
