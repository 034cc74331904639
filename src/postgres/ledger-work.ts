/** Work in one ledger, each piece in a session of its own: what is durable waits for a standby. */
import type { ContestTally } from "../election/tally.ts";
import { Problem } from "../runtime/problem.ts";
import { writeWal } from "./ballots.ts";
import { commitOrThrow } from "./durable-commit.ts";
import { isPassing } from "./passing.ts";
import { cutAfter, type Session } from "./session.ts";
import type { SessionPool } from "./session-pool.ts";
import { countBallots, sumBlocks } from "./tallies.ts";

/** Throws {@link Problem} `not_available` while the ledger does not answer. */
export class LedgerWork {
  constructor(
    private readonly pool: SessionPool,
    private readonly timeoutMs: number,
    /** For people: which one does not answer. */
    private readonly ledger: string,
  ) {}

  /** In a transaction that waits for a standby, so that no failover takes back what it read or wrote. */
  durably<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.use((session) =>
      commitOrThrow(session, this.timeoutMs, async () => {
        await writeWal(session);
        return work(session);
      }),
    );
  }

  /** Reading what may still be taken back. */
  briefly<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.use((session) => cutAfter(session, this.timeoutMs, work(session)));
  }

  /**
   * Of a sealed contest. Not bounded in time: a count of all ballots takes as long as it takes. What a standby confirms
   * afterwards is that whoever counted was the primary all the while, and not one that had been replaced before.
   */
  tallies({ ledgerId, uuid }: { ledgerId: number; uuid: string }): Promise<{
    ballots: ContestTally;
    blocks: ContestTally;
  }> {
    return this.use(async (session) => {
      const [ballots, blocks] = [await countBallots(session, ledgerId), await sumBlocks(session, uuid)];
      await commitOrThrow(session, this.timeoutMs, writeWal);
      return { ballots, blocks };
    });
  }

  private async use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    try {
      return await this.pool.use(work);
    } catch (error) {
      if (!isPassing(error)) throw error;
      throw new Problem("not_available", `${this.ledger} does not answer now`, { cause: error });
    }
  }
}
