/** Pace: votes a second over time, from turnout at past instants. */
import type { WireHistory } from "./wire.ts";

/** Turnout at instants of the server's clock, oldest first. */
export type Pace = { atMs: number[]; turnout: number[] };

export const NO_PACE: Pace = { atMs: [], turnout: [] };

/** Ten minutes of seconds: what a chart of a phone's width can show. */
const SAMPLES_MAX = 600;
const SAMPLE_APART_MS_MIN = 500;

export function paceOfHistory({ intervalMs, endsAt, turnout }: WireHistory): Pace {
  const endsAtMs = Date.parse(endsAt);
  const kept = turnout.slice(-SAMPLES_MAX);
  return { atMs: kept.map((_, i) => endsAtMs - (kept.length - 1 - i) * intervalMs), turnout: kept };
}

export function paceWith(pace: Pace, atMs: number, turnout: number): Pace {
  const last = pace.atMs.at(-1) ?? -Infinity;
  if (atMs - last < SAMPLE_APART_MS_MIN) return pace;
  return {
    atMs: [...pace.atMs, atMs].slice(-SAMPLES_MAX),
    turnout: [...pace.turnout, turnout].slice(-SAMPLES_MAX),
  };
}

/** Votes a second at each instant but the first. A turnout that a failover took back counts as none. */
export function votesPerSecond({ atMs, turnout }: Pace): { atMs: number[]; votes: number[] } {
  return {
    atMs: atMs.slice(1),
    votes: atMs.slice(1).map((at, i) => {
      const votes = Math.max(0, turnout[i + 1]! - turnout[i]!);
      return (votes * 1000) / (at - atMs[i]!);
    }),
  };
}
