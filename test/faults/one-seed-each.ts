/**
 * Each fault under one seed; `npm run test:faults` runs them under twenty. Those of a path share a cluster, and are judged
 * again in the end by what it holds, when every contest is final.
 */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Fault } from "./fault.ts";
import { FAULTS } from "./faults.ts";
import { lostIn, Run, whereRun } from "./suite.ts";

const SEED = 1;
const TIMEOUT_MS = 180_000;

/** Declares the tests of all faults that are run there. */
export function testFaults(where: ReturnType<typeof whereRun>): void {
  const journals = mkdtempSync(join(tmpdir(), "urna-faults-journals-"));
  const shared = where === "own" ? null : newRun(journals);
  afterAll(async () => {
    await shared?.[Symbol.asyncDispose]();
    rmSync(journals, { recursive: true });
  }, TIMEOUT_MS);
  for (const fault of FAULTS.filter((each) => whereRun(each) === where))
    test(fault.name, () => play(fault, shared, journals), TIMEOUT_MS);
  if (shared === null) return;
  test(
    "once every contest is final, the judge says the same",
    async () => expect(await shared.close()).toEqual([]),
    TIMEOUT_MS,
  );
}

const newRun = (journals: string) => new Run(journals, () => undefined);

async function play(fault: Fault, shared: Run | null, journals: string): Promise<void> {
  const impossible = fault.impossible?.() ?? null;
  if (impossible !== null) return console.warn(`SKIPPED ${fault.name}: ${impossible}`);
  if (shared !== null) return expectGood(shared, fault);
  await using run = newRun(journals);
  await expectGood(run, fault);
}

async function expectGood(run: Run, fault: Fault): Promise<void> {
  const { error, played } = await run.seed(fault, SEED);
  expect(error).toBeNull();
  const { judgement } = played!;
  expect(judgement.acknowledged).toBeGreaterThan(50);
  if (fault.losesOnPurpose) expect(lostIn(played!)).toBeGreaterThan(0);
  else expect(judgement.findings).toEqual([]);
}
