/** What the suite makes of the time that service took to come back. */
import { expect, test } from "bun:test";
import type { Fault } from "./fault.ts";
import { nothingFails } from "./nothing-fails-nothing-is-lost.fault.ts";
import type { Played } from "./run-seed.ts";
import { BEYOND_FAILOVER_MS_MAX, isClean, type SeedReport } from "./suite.ts";
import { renderSuite } from "./table.ts";

const JUDGEMENT = { ballots: 9, acknowledged: 9, unknown: 0, refused: 0, final: 9, findings: [] };

/** The verdict on a fault whose seeds had service back so much after the failover, one replaced primary each. */
function verdictOn(...beyondMs: number[]): { clean: boolean; verdict: string } {
  const seeds = beyondMs.map((ms, seed): SeedReport => {
    const replacements = [{ failoverMs: 500, beyondMs: ms }];
    const played = { judgement: JUDGEMENT, error: null, tookMs: 1, withoutServiceMs: 1, replacements };
    return { seed, error: null, played: played as unknown as Played };
  });
  const fault: Fault = nothingFails;
  const report = { faults: [{ fault, impossible: null, seeds }], closing: [], journals: "" };
  const row = renderSuite(report, true).split("\n")[1]!;
  return { clean: isClean(report), verdict: row.split(" ").at(-1)! };
}

test("a fault after which service was back late under any seed is not good, and the table says so", () => {
  expect(verdictOn(0, BEYOND_FAILOVER_MS_MAX)).toEqual({ clean: true, verdict: "good" });
  expect(verdictOn(0, BEYOND_FAILOVER_MS_MAX + 1)).toEqual({ clean: false, verdict: "LATE" });
});
