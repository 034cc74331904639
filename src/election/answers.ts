/** A contest and its results as the HTTP contract shows them: the server says it, pages and clients read it. */
import type { ContestState, Option } from "./contest.ts";
import type { Counts } from "./counts.ts";

/** A contest's definition. Times are ISO 8601 UTC with milliseconds; null means "not set". */
export type ContestAnswer = {
  id: string;
  uuid: string;
  /** The election's public id. */
  election: string;
  /** Whether its ballots are answered `202 accepted`, and recorded a moment later. */
  buffered: boolean;
  title: string;
  method: "single-choice";
  options: Option[];
  allowBlank: boolean;
  resultsVisible: "live" | "final";
  opensAt: string | null;
  closesAt: string | null;
  state: ContestState;
  paused: boolean;
  void: VoidAnswer | null;
};

export type VoidAnswer = { at: string; reason: string };

/** A contest's results. `ballots`, `blank` and `counts` are left out while choices are hidden. */
export type ResultsAnswer = {
  /** The contest's uuid. */
  contest: string;
  state: ContestState;
  paused: boolean;
  void: VoidAnswer | null;
  /** Ballots so far. */
  turnout: number;
  /** Everything recorded up to here is counted. Of a final contest: when its counts were published. */
  asOf: string;
  /** Whether the counts are proved and will not change; otherwise they are provisional. */
  final: boolean;
  /** Present while ballots that were recorded since `asOf` may be missing: a ledger of the contest can't be read. */
  delayed?: true;
} & Partial<Counts>;
