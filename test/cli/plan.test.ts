import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MEASURED } from "../../src/planning/measured.ts";
import { runUrna } from "./urna-commands.ts";

const folder = mkdtempSync(join(tmpdir(), "urna-plan-"));
afterAll(() => rmSync(folder, { recursive: true }));

const NOWHERE = "http://127.0.0.1:1";
const plan = (...given: string[]) => runUrna(NOWHERE, "plan", ...given);
const PEAK = ["--rps", "250000", "--voters", "300000000"];

function written(content: string): string {
  const file = join(folder, "figures.json");
  writeFileSync(file, content);
  return file;
}

test("without figures of one's own it says whose they are, and shows each formula", async () => {
  const { exitCode, stdout } = await plan(...PEAK);
  expect(exitCode).toBe(0);
  expect(stdout).toContain(
    "250,000 ballots/s at the peak, 300,000,000 voters, 1.5 times that to be safe: the buffered path",
  );
  expect(stdout).toMatch(
    /\n +\d+ {2}gateways, each a process with a core of its own\n +└ 250,000\/s × margin 1.5 × [\d.]+ µs = /,
  );
  expect(stdout).toMatch(/\nNOT YOUR MACHINES' FIGURES, but those of .*, 20\d\d-\d\d-\d\d, by /);
});

test("with figures of one's own, for machines", async () => {
  const figures = { ...MEASURED, machine: "ours", recorderMicros: 1_000_000 / 375_000 };
  const { stdout } = await plan(
    ...PEAK,
    "--figures",
    written(JSON.stringify(figures)),
    "--ballot-bytes",
    "1000",
    "--json",
  );
  const made = JSON.parse(stdout);
  expect(made).toMatchObject({
    rps: 250_000,
    margin: 1.5,
    path: "buffered",
    figures: { machine: "ours", ballotBytes: 1_000 },
  });
  const lineOf = (name: string) => made.lines.find((line: { name: string }) => line.name === name);
  expect(lineOf("recorders")).toMatchObject({
    value: 2,
    formula: expect.stringContaining("= 1, and 2 at least"),
  });
  expect(lineOf("ledgerDisk").formula).toStartWith("300,000,000 voters × 1,000 bytes ÷ ");
  const people = await plan(...PEAK, "--figures", join(folder, "figures.json"));
  expect(people.stdout).toContain("\nFigures of ours, ");
});

test.each([
  [["--rps", "1"], 2, "say --voters <voters>: who may vote, once each"],
  [["--voters", "1"], 2, "say --rps <ballots>: ballots a second at the peak"],
  [["--rps", "fast", "--voters", "1"], 2, "whole number from 1 to 100000000"],
  [["--rps", "1", "--voters", "0"], 2, "whole number from 1 to"],
  [[...PEAK, "--margin", "0.5"], 2, "It must be a number from 1 to 100, like 1.5."],
  [[...PEAK, "--margin", "many"], 2, "It must be a number from 1 to 100, like 1.5."],
  [[...PEAK, "--path", "fastest"], 2, "Allowed choices are auto, direct, buffered"],
  [[...PEAK, "--path", "direct"], 1, "one primary is not enough for the direct path"],
  [[...PEAK, "--figures", join(folder, "none.json")], 1, "none.json"],
])("%p is told", async (given, exitCode, words) => {
  const run = await plan(...(given as string[]));
  expect(run).toMatchObject({ exitCode, stdout: "" });
  expect(run.stderr).toContain(words as string);
  expect(run.stderr).not.toContain("    at ");
});

test.each([
  ["no JSON", "{", "figures.json is not JSON"],
  ["a missing field", JSON.stringify({ ...MEASURED, walBytes: undefined }), "walBytes: it is missing"],
  [
    "a field of another kind",
    JSON.stringify({ ...MEASURED, gatewayMicros: { direct: "1", accepted: 1 } }),
    "gatewayMicros.direct: it must be a number",
  ],
  [
    "a number that can't be",
    JSON.stringify({ ...MEASURED, ledgerPerSecond: 0 }),
    "ledgerPerSecond: it must be more than 0",
  ],
  ["a field too many", JSON.stringify({ ...MEASURED, hopes: 1 }), 'there is no field "hopes"'],
  [
    "another date",
    JSON.stringify({ ...MEASURED, measuredOn: "yesterday" }),
    "measuredOn: it is not written as it must be",
  ],
])("figures with %s are refused with what is wrong", async (_, content, words) => {
  const run = await plan(...PEAK, "--figures", written(content));
  expect(run).toMatchObject({ exitCode: 1, stdout: "", stderr: expect.stringContaining(words) });
});

test("--help shows an example and how to measure", async () => {
  const { stdout } = await plan("--help");
  expect(stdout).toMatch(/Examples:\n {2}urna plan --rps/);
  expect(stdout).toContain("bun bench/buffered.ts --figures figures.json");
});
