/** The running tally: what the blocks read so far add up to, by contest, and how turnout came about. */
import { addVotes, type Tally } from "../election/tally.ts";
import { TurnoutHistory, type TurnoutSeries } from "./turnout-history.ts";

/** Contests with a history of their own; of more than these, those whose last ballot is oldest go without. */
const HISTORIES_MAX = 1_000;

export class RunningTally {
  /** As one {@link Tally}: counts by contest uuid. */
  readonly counts: Tally = new Map();
  /** In the order of their last ballot. */
  private readonly histories = new Map<string, TurnoutHistory>();

  /** Adds a block's counts. A block from the future, by a wrong clock, counts as of now in the history. */
  add(delta: Tally, recordedAtMs: number, nowMs: number): void {
    for (const [contestUuid, counts] of delta) {
      let ballots = 0;
      for (const [option, votes] of counts) {
        addVotes(this.counts, contestUuid, option, votes);
        ballots += votes;
      }
      this.historyOf(contestUuid).add(ballots, Math.min(recordedAtMs, nowMs));
    }
  }

  turnoutOf(contestUuid: string): number {
    let turnout = 0;
    for (const votes of this.counts.get(contestUuid)?.values() ?? []) turnout += votes;
    return turnout;
  }

  turnoutSeries(contestUuid: string, nowMs: number): TurnoutSeries {
    const history = this.histories.get(contestUuid) ?? new TurnoutHistory();
    return history.series(this.turnoutOf(contestUuid), nowMs);
  }

  /** The contest's history, as the one most lately used; the oldest makes room for a new one. */
  private historyOf(contestUuid: string): TurnoutHistory {
    const history = this.histories.get(contestUuid) ?? new TurnoutHistory();
    this.histories.delete(contestUuid);
    this.histories.set(contestUuid, history);
    if (this.histories.size > HISTORIES_MAX) this.histories.delete(this.histories.keys().next().value!);
    return history;
  }
}
