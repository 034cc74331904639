/** Finds recorded ballots for answers that voters take for an acknowledgement; many askers share one transaction. */
import type { BallotFinder, BallotKey, RecordedBallot } from "../recording/ledger.ts";
import { ballotKey } from "../recording/ledger.ts";
import { SharedReads, type SharedReadsOptions } from "../runtime/shared-reads.ts";
import { selectBallots, writeWal } from "./ballots.ts";
import { commitOrThrow } from "./durable-commit.ts";
import type { SessionPool } from "./session-pool.ts";

export class PostgresBallotFinder implements BallotFinder {
  private readonly reads: SharedReads<BallotKey, RecordedBallot>;

  constructor(
    private readonly pool: SessionPool,
    private readonly options: SharedReadsOptions & { timeoutMs: number },
  ) {
    this.reads = new SharedReads((keys) => this.findDurably(keys), ballotKey, options);
  }

  find(keys: readonly BallotKey[]): Promise<RecordedBallot[]> {
    return this.reads.ask(keys);
  }

  private findDurably(keys: readonly BallotKey[]): Promise<RecordedBallot[]> {
    return this.pool.use((session) =>
      commitOrThrow(session, this.options.timeoutMs, async () => {
        await writeWal(session);
        return selectBallots(session, keys);
      }),
    );
  }
}
