/** A contest's counts as people read them. */
import type { Contest, Option } from "./contest.ts";
import { BLANK, type ContestTally } from "./tally.ts";

/** Every option in the contest's order, those without a vote too. */
export type Counts = { ballots: number; blank: number; counts: { option: number; votes: number }[] };

export function countsOf(contest: Pick<Contest, "options">, tally: ContestTally | undefined): Counts {
  const blank = tally?.get(BLANK) ?? 0;
  const counts = contest.options.map((option: Option) => ({
    option: option.number,
    votes: tally?.get(option.number) ?? 0,
  }));
  return { ballots: counts.reduce((sum, { votes }) => sum + votes, blank), blank, counts };
}
