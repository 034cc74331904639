/**
 * Each fault under one seed. `npm run test:faults` runs them under twenty. They share a cluster, and judge what it holds
 * again in the end, when every contest is final.
 */
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Fault } from "./fault.ts";
import { FAULTS } from "./faults.ts";
import { lostIn, Run } from "./suite.ts";

setDefaultTimeout(180_000);

const SEED = 1;

const journals = mkdtempSync(join(tmpdir(), "urna-faults-journals-"));
const shared = new Run(journals, () => undefined);
afterAll(async () => {
  await shared[Symbol.asyncDispose]();
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

for (const fault of FAULTS) {
  test(fault.name, async () => {
    const impossible = fault.impossible?.() ?? null;
    if (impossible !== null) return console.warn(`SKIPPED ${fault.name}: ${impossible}`);
    if (fault.cluster === undefined) return expectGood(shared, fault);
    await using run = new Run(journals, () => undefined);
    await expectGood(run, fault);
  });
}

test("once every contest is final, the judge says the same", async () => {
  expect(await shared.close()).toEqual([]);
});
