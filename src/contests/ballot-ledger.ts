/** A ledger that a buffered election's ballots are recorded in: the home ledger, or a further one that has copies. */
import type { Contest } from "../election/contest.ts";
import type { Election } from "../election/election.ts";
import type { ContestTally } from "../election/tally.ts";

/**
 * Every write is on a synchronous standby when its promise resolves, and may be done again when it rejects. Rejects with
 * Problem not_available while the ledger does not answer.
 */
export interface BallotLedger {
  /** Its number among the deployment's. */
  readonly number: number;
  /** Makes it take the election's ballots of those partitions; nothing when it does. */
  addElection(election: Election, partitions: readonly number[]): Promise<void>;
  /** Makes it take the contest's ballots; nothing when it does. */
  addContest(contest: Contest): Promise<void>;
  /** The partitions that have been drained up to the contest's barrier. */
  partitionsPassed(contest: Contest): Promise<Set<number>>;
  /** Makes it impossible to record another ballot of the contest, whatever is in flight. */
  seal(contest: Contest): Promise<void>;
  /** Counted twice: from the ballots, and from what every block says that it added. */
  tallies(contest: Contest): Promise<{ ballots: ContestTally; blocks: ContestTally }>;
}
