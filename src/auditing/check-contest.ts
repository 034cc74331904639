/** All ballots of one contest, in however many ledgers they are: each by itself, and against each other. */
import type { BallotsCheck } from "./check-ballots.ts";
import type { PartitionRow } from "./recount-source.ts";
import { Uniqueness } from "./uniqueness.ts";

/** The contest's ballots in one ledger. */
export type BallotsPart = { check: BallotsCheck; partition: PartitionRow };

/** Whether repeated voters could all be examined. */
export async function checkContest(
  parts: readonly BallotsPart[],
  onBallots: (count: number) => void,
): Promise<boolean> {
  const uniqueness = new Uniqueness(parts.reduce((sum, { partition }) => sum + partition.ballotsMax, 0));
  for (let slice = 0; slice < uniqueness.slices; slice++) {
    uniqueness.begin(slice);
    for (const { check, partition } of parts) {
      for await (const examined of check.examine(partition, slice === 0)) {
        for (const { row, leaf } of examined) if (leaf !== null) uniqueness.add(row.voterKey, leaf);
        if (slice === 0) onBallots(examined.length);
      }
    }
  }
  if (uniqueness.suspicious) await confirm(parts, uniqueness);
  return !uniqueness.overflowed;
}

async function confirm(parts: readonly BallotsPart[], uniqueness: Uniqueness): Promise<void> {
  for (const { check, partition } of parts) {
    for await (const examined of check.examine(partition, false)) {
      for (const { row, leaf } of examined) {
        if (leaf === null) continue;
        for (const repetition of uniqueness.repetitions(row, leaf)) check.addRepetition(row, repetition);
      }
    }
  }
}
