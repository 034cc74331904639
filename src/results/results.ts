/** Results: a contest's figures as everybody may see them now. */
import type { ResultsAnswer } from "../election/answers.ts";
import { type Contest, choicesVisible, contestStateAt } from "../election/contest.ts";
import { countsOf } from "../election/counts.ts";
import type { ContestTally } from "../election/tally.ts";

/** Without failures a tailer reads every tenth of a second: figures that are so old lack what was recorded since. */
const DELAY_MS = 5_000;

/**
 * Of a final contest the ledger's proved counts, whatever the running tally says; otherwise the running tally's.
 */
export function resultsOf(
  contest: Contest,
  tally: ContestTally | undefined,
  nowMs: number,
  asOfMs: number,
): ResultsAnswer {
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
    ...(finalTally === null && nowMs - asOfMs > DELAY_MS ? { delayed: true as const } : {}),
    ...(choicesVisible(contest) ? counts : {}),
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
