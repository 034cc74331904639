/** A contest's definition and an election as the HTTP contract shows them. */
import type { ContestAnswer } from "../election/answers.ts";
import { type Contest, contestStateAt } from "../election/contest.ts";
import type { Election } from "../election/election.ts";

export function contestJson(contest: Contest, nowMs: number): ContestAnswer {
  return {
    id: contest.id,
    uuid: contest.uuid,
    election: contest.electionId,
    buffered: contest.buffering !== null,
    title: contest.title,
    method: contest.method,
    options: contest.options,
    allowBlank: contest.allowBlank,
    resultsVisible: contest.resultsVisible,
    opensAt: timeJson(contest.opensAtMs),
    closesAt: timeJson(contest.closesAtMs),
    state: contestStateAt(contest, nowMs),
    paused: contest.paused,
    void: contest.voided && {
      at: new Date(contest.voided.atMs).toISOString(),
      reason: contest.voided.reason,
    },
  };
}

/** `ledgers` are the names of those that its ballots are recorded in, where they are buffered. */
export function electionJson(
  { id, uuid, title, allowedOrigins, buffering }: Election,
  ledgers: readonly string[],
) {
  const shown = buffering && { partitions: buffering.partitions, ledgers };
  return { id, uuid, title, allowedOrigins, buffering: shown };
}

function timeJson(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
