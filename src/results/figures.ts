/** Figures: what the ledgers that a contest's ballots are recorded in add up to, and how old that is. */
import { ledgersOf } from "../election/buffering.ts";
import type { Contest } from "../election/contest.ts";
import { addTally, type ContestTally, type Tally } from "../election/tally.ts";
import { TurnoutHistory, type TurnoutSeries } from "./turnout-history.ts";

/** A tally that can be shown. */
export type ShownTally = {
  readonly counts: Tally;
  turnoutSeries(contestUuid: string, nowMs: number): TurnoutSeries;
};

/** One ledger's tally, and as of when; null until it is first complete. A tailer is one, and so is a shared tally. */
export type Tailed = { readonly tally: ShownTally; readonly asOfMs: number | null };

/**
 * Of each contest, its own ledgers alone: one that does not answer makes no other contest's figures older, and figures
 * are as old as the oldest that is in them.
 */
export class Figures {
  /** By the ledger's number, the home ledger's among them. */
  constructor(private readonly ledgers: ReadonlyMap<number, Tailed>) {}

  /** Undefined where nothing is recorded. */
  tallyOf(contest: Contest): ContestTally | undefined {
    const { uuid } = contest;
    const sum: Tally = new Map();
    for (const ledger of this.of(contest)) {
      const counts = ledger?.tally.counts.get(uuid);
      if (counts !== undefined) addTally(sum, new Map([[uuid, counts]]));
    }
    return sum.get(uuid);
  }

  /**
   * Everything that was visible in the contest's ledgers at this instant is in its figures. Null while that can't be
   * said of one of them: it was never read whole, or is not configured here.
   */
  asOfMs(contest: Contest): number | null {
    let oldestMs = Number.POSITIVE_INFINITY;
    for (const ledger of this.of(contest)) {
      if (ledger === undefined || ledger.asOfMs === null) return null;
      oldestMs = Math.min(oldestMs, ledger.asOfMs);
    }
    return oldestMs;
  }

  turnoutSeries(contest: Contest, nowMs: number): TurnoutSeries {
    const all = this.of(contest).flatMap((ledger) => ledger?.tally.turnoutSeries(contest.uuid, nowMs) ?? []);
    return all.reduce(sum, new TurnoutHistory().series(0, nowMs));
  }

  private of({ buffering }: Contest): (Tailed | undefined)[] {
    return ledgersOf(buffering).map((number) => this.ledgers.get(number));
  }
}

/** Of two series that end in the same second, or nearly: a clock that was set back is each ledger's own. */
function sum(one: TurnoutSeries, other: TurnoutSeries): TurnoutSeries {
  const turnout = one.turnout.map((ballots, i) => ballots + other.turnout[i]!);
  return { ...one, endsAtMs: Math.max(one.endsAtMs, other.endsAtMs), turnout };
}
