/** The simulation itself: a schedule can be run again, and schedules lead to everything that lanes must withstand. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { RecordOutcome } from "../../src/recording/ledger.ts";
import { SCHEDULES } from "./schedules.ts";
import { Simulation } from "./simulation.ts";

test("the same schedule runs the same way", () => {
  fc.assert(
    fc.property(SCHEDULES, (schedule) => {
      const [one, two] = [new Simulation(schedule).run(), new Simulation(schedule).run()];
      expect(JSON.stringify([two.casts, two.attempts])).toBe(JSON.stringify([one.casts, one.attempts]));
    }),
    { numRuns: 50 },
  );
});

test("schedules lead to every verdict and every outcome, to late attempts and to lost blocks", () => {
  const reached = new Set<string>();
  for (const schedule of fc.sample(SCHEDULES, { numRuns: 300, seed: 1 })) {
    const { attempts, casts, ledger, cameLate } = new Simulation(schedule).run();
    for (const { told } of casts) reached.add(told!.verdict.verdict);
    for (const outcome of attempts) reached.add(outcome);
    if (ledger.blocksLost > 0) reached.add("lost");
    if (cameLate > 0) reached.add("late");
  }
  const verdicts = [
    "recorded",
    "repeated",
    "already_voted",
    "not_recorded",
    "outcome_unknown",
    "contest_not_open",
  ];
  const outcomes: RecordOutcome["outcome"][] = ["recorded", "not_recorded", "sealed", "fenced", "unknown"];
  expect([...reached].sort()).toEqual([...new Set([...verdicts, ...outcomes, "lost", "late"])].sort());
});
