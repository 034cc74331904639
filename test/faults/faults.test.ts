/**
 * Each fault under one seed. `npm run test:faults` runs them under twenty. They share two clusters, one for each path, and
 * judge what these hold again in the end, when every contest is final.
 */
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Fault } from "./fault.ts";
import { FAULTS } from "./faults.ts";
import { lostIn, Run, whereRun } from "./suite.ts";

setDefaultTimeout(180_000);

const SEED = 1;

const journals = mkdtempSync(join(tmpdir(), "urna-faults-journals-"));
const shared = { direct: new Run(journals, () => undefined), buffered: new Run(journals, () => undefined) };
afterAll(async () => {
  await shared.buffered[Symbol.asyncDispose]();
  rmSync(journals, { recursive: true });
});

async function expectGood(run: Run, fault: Fault): Promise<void> {
  const { error, played } = await run.seed(fault, SEED);
  expect(error).toBeNull();
  const { judgement } = played!;
  expect(judgement.acknowledged).toBeGreaterThan(50);
  if (fault.losesOnPurpose) expect(lostIn(played!)).toBeGreaterThan(0);
  else expect(judgement.findings).toEqual([]);
}

async function play(fault: Fault): Promise<void> {
  const impossible = fault.impossible?.() ?? null;
  if (impossible !== null) return console.warn(`SKIPPED ${fault.name}: ${impossible}`);
  const where = whereRun(fault);
  if (where !== "own") return expectGood(shared[where], fault);
  await using run = new Run(journals, () => undefined);
  await expectGood(run, fault);
}

describe.each(["direct", "buffered", "own"] as const)("on clusters: %s", (path) => {
  for (const fault of FAULTS.filter((each) => whereRun(each) === path)) test(fault.name, () => play(fault));
  if (path === "own") return;
  test("once every contest is final, the judge says the same", async () => {
    expect(await shared[path].close()).toEqual([]);
    await shared[path][Symbol.asyncDispose]();
  });
});
