/** Results: a contest's figures as everybody may see them now. */
import { type Contest, type ContestState, choicesVisible, contestStateAt } from "../election/contest.ts";
import { type Counts, countsOf } from "../election/counts.ts";
import type { ContestTally } from "../election/tally.ts";

/** Answer of `GET /v1/contests/{contest}/results`. `ballots`, `blank` and `counts` are left out while choices are hidden. */
export type Results = {
  /** The contest's uuid. */
  contest: string;
  state: ContestState;
  paused: boolean;
  void: { at: string; reason: string } | null;
  /** Ballots so far. */
  turnout: number;
  /** Everything recorded up to here is counted, ISO 8601 UTC. Of a final contest: when its counts were published. */
  asOf: string;
  /** Whether the counts are proved and will not change; otherwise they are provisional. */
  final: boolean;
} & Partial<Counts>;

/**
 * Of a final contest the ledger's proved counts, whatever the running tally says; otherwise the running tally's.
 */
export function resultsOf(
  contest: Contest,
  tally: ContestTally | undefined,
  nowMs: number,
  asOfMs: number,
): Results {
  const { finalTally, finalAtMs, voided } = contest;
  const counts = countsOf(contest, finalTally ?? tally);
  return {
    contest: contest.uuid,
    state: contestStateAt(contest, nowMs),
    paused: contest.paused,
    void: voided === null ? null : { at: isoTime(voided.atMs), reason: voided.reason },
    turnout: counts.ballots,
    asOf: isoTime(finalAtMs ?? asOfMs),
    final: finalTally !== null,
    ...(choicesVisible(contest) ? counts : {}),
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
