/** What the HTTP contract's administration and reading calls take and answer, as a client sees it. */
import type { ContestState, Option } from "../election/contest.ts";

export type ElectionRequest = { title: string; id?: string; allowedOrigins?: string[] };

export type ContestRequest = {
  title: string;
  id?: string;
  method: "single-choice";
  options: string[];
  allowBlank: boolean;
  resultsVisible?: "live" | "final";
  opensAt?: string;
  closesAt?: string;
};

export type ElectionAnswer = { id: string; title: string };

/** Times are ISO 8601 UTC; null means "not set". */
export type ContestAnswer = {
  id: string;
  uuid: string;
  election: string;
  title: string;
  method: "single-choice";
  options: Option[];
  allowBlank: boolean;
  resultsVisible: "live" | "final";
  opensAt: string | null;
  closesAt: string | null;
  state: ContestState;
  paused: boolean;
  void: { at?: string; reason: string } | null;
};

/** Ballots and counts are absent while the contest hides its results. */
export type ResultsAnswer = {
  contest: string;
  state: ContestState;
  turnout: number;
  asOf: string;
  final: boolean;
  ballots?: number;
  blank?: number;
  counts?: { option: number; votes: number }[];
};

/** The contract's bound on the voters of one minting call. */
export const VOTERS_PER_CALL_MAX = 10_000;
