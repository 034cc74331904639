/** Voters' own ballots, each looked for in the ledger that its voter's ballots of the contest are recorded in. */
import { ledgerOfVoter } from "../election/buffering.ts";
import type { Contest } from "../election/contest.ts";
import type { BallotFinder, RecordedBallot } from "../recording/ledger.ts";

export class VoterBallots {
  /** By the ledger's number, the home ledger's among them. */
  constructor(private readonly finders: ReadonlyMap<number, BallotFinder>) {}

  /**
   * Null when there is none: of a buffered contest, not yet. Durable as a {@link BallotFinder}'s answers are, and no
   * other ledger is asked. Throws when it can't know, as where the ledger is not configured here.
   */
  async find({ ledgerId, buffering }: Contest, voterKey: string): Promise<RecordedBallot | null> {
    const number = ledgerOfVoter(voterKey, buffering);
    const finder = this.finders.get(number);
    if (finder === undefined) throw new Error(`ledger ${number} is needed, and not configured here`);
    const [ballot] = await finder.find([{ contestLedgerId: ledgerId, voterKey }]);
    return ballot ?? null;
  }
}
