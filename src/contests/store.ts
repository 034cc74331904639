/** What running elections needs of the ledger. */
import type { Contest } from "../election/contest.ts";
import type { Election } from "../election/election.ts";
import type { ContestTally } from "../election/tally.ts";
import type { Transition } from "./transitions.ts";

/** A contest before the ledger has given it a row. */
export type NewContest = Omit<Contest, "ledgerId">;

/**
 * Every write is on a synchronous standby when its promise resolves, and may be done again when it rejects. What
 * says "final" is read in the same way. Safe for concurrent use, bounded in time but for the counts. Rejects with
 * Problem not_available while the ledger does not answer. Ids may be any text; those that can't be ids name nothing.
 */
export interface ContestStore {
  /** The election of that id or uuid, if there is one already; otherwise this one, created. */
  createElection(election: Election): Promise<Election>;
  /** The contest of that id or uuid, if there is one already; otherwise this one, created with its partition. */
  createContest(contest: NewContest): Promise<Contest>;
  /** Says that a buffered election's topic has been made, unless that is known; the election as it is then. */
  setTopic(election: Election, topicId: string): Promise<Election>;
  findElection(id: string): Promise<Election | null>;
  allElections(): Promise<Election[]>;
  /** Buffered elections whose log may still have ballots that no ledger has. */
  electionsToDrain(): Promise<Election[]>;
  /** By public id or uuid; those that do not exist are left out. */
  findContests(ids: readonly string[]): Promise<Contest[]>;
  /** Those that are no drafts any more, newest first. */
  newestPublicContests(contestsMax: number): Promise<Contest[]>;
  /** Decides on the contest's row while nobody else can change it. Null when there is no such contest. */
  changeContest(
    id: string,
    decide: (contest: Contest) => Transition,
  ): Promise<Contest | { refused: string } | null>;
  /** Those of buffered elections that are not final yet. */
  bufferedContests(): Promise<Contest[]>;
  /** Those of buffered elections that may take ballots or will: no drafts, and not sealed. Newest first. */
  contestsAhead(contestsMax: number): Promise<Contest[]>;
  /**
   * Whether the contest's close is still that one, and nobody is about to move it: asked under the row's lock, which who
   * moves it holds until all is on a standby. After the close nobody may move it any more.
   */
  isCloseFixed(contest: Contest): Promise<boolean>;
  /** Closed before that instant, and not final yet. */
  contestsToFinish(closedBeforeMs: number): Promise<Contest[]>;
  /** If it closed before that instant: makes it impossible to record another ballot, whatever is in flight. Throws while inserts are open for long. */
  seal(contest: Contest, closedBeforeMs: number): Promise<void>;
  /** Counted twice: from the ballots, and from what every block says that it added. */
  tallies(contest: Contest): Promise<{ ballots: ContestTally; blocks: ContestTally }>;
  publishFinal(contest: Contest, finalAtMs: number, tally: ContestTally): Promise<void>;
}
