/** A contest's turnout over the last five minutes, second by second. */

export const HISTORY_INTERVAL_MS = 1_000;
const SECONDS = 300;

/** Turnout at `endsAtMs` is the last entry, each entry before it is one interval older. */
export type TurnoutSeries = { intervalMs: number; endsAtMs: number; turnout: number[] };

/**
 * How many ballots were recorded in each of the last seconds, by the blocks' own times: the same blocks give the
 * same history in whatever order they come, also after a restart or a rebuild.
 */
export class TurnoutHistory {
  /** Ballots recorded in a second, at that second modulo the length. */
  private readonly ballots = new Float64Array(SECONDS);
  private newestSecond = 0;

  add(ballots: number, recordedAtMs: number): void {
    const second = Math.floor(recordedAtMs / HISTORY_INTERVAL_MS);
    if (second <= this.newestSecond - SECONDS) return;
    this.forgetUntil(second);
    this.ballots[second % SECONDS]! += ballots;
  }

  /** The history that led to this turnout. */
  series(turnout: number, nowMs: number): TurnoutSeries {
    this.forgetUntil(Math.floor(nowMs / HISTORY_INTERVAL_MS));
    // A clock that was set back does not take seconds back.
    const endsAtSecond = this.newestSecond;
    const series = new Array<number>(SECONDS);
    let before = turnout;
    for (let age = 0; age < SECONDS; age++) {
      // Ballots of the second that begins at an entry's instant came after it.
      before -= this.ballots[(endsAtSecond - age) % SECONDS]!;
      series[SECONDS - 1 - age] = before;
    }
    return { intervalMs: HISTORY_INTERVAL_MS, endsAtMs: endsAtSecond * HISTORY_INTERVAL_MS, turnout: series };
  }

  /** Makes room for the seconds up to this one. */
  private forgetUntil(second: number): void {
    if (second <= this.newestSecond) return;
    const from = Math.max(this.newestSecond + 1, second - SECONDS + 1);
    for (let each = from; each <= second; each++) this.ballots[each % SECONDS] = 0;
    this.newestSecond = second;
  }
}
