/** Finds recorded ballots for answers that voters take for an acknowledgement; many askers share one transaction. */
import type { BallotFinder, BallotKey, RecordedBallot } from "../recording/ledger.ts";
import { ballotKey } from "../recording/ledger.ts";
import { selectBallots, writeWal } from "./ballots.ts";
import { commitOrThrow } from "./durable-commit.ts";
import type { SessionPool } from "./session-pool.ts";

type Asker = {
  keys: readonly BallotKey[];
  resolve: (found: RecordedBallot[]) => void;
  reject: (error: Error) => void;
};

/** More askers wait than may. */
export class FinderOverloadedError extends Error {
  readonly code = "finder_overloaded";
}

export class PostgresBallotFinder implements BallotFinder {
  private askers: Asker[] = [];
  private busy = false;

  constructor(
    private readonly pool: SessionPool,
    private readonly options: { timeoutMs: number; askersMax: number; keysMax: number },
  ) {}

  find(keys: readonly BallotKey[]): Promise<RecordedBallot[]> {
    if (this.askers.length >= this.options.askersMax) {
      return Promise.reject(
        new FinderOverloadedError(`more than ${this.options.askersMax} look-ups are waiting`),
      );
    }
    return new Promise((resolve, reject) => {
      this.askers.push({ keys, resolve, reject });
      if (!this.busy) void this.run();
    });
  }

  private async run(): Promise<void> {
    this.busy = true;
    while (this.askers.length > 0) {
      const askers = this.take();
      try {
        const found = await this.findDurably(askers.flatMap(({ keys }) => keys));
        const rows = new Map(found.map((ballot) => [ballotKey(ballot), ballot]));
        for (const { keys, resolve } of askers)
          resolve(keys.flatMap((key) => rows.get(ballotKey(key)) ?? []));
      } catch (error) {
        for (const { reject } of askers) reject(error as Error);
      }
    }
    this.busy = false;
  }

  /** As many askers as fit into one statement, at least one. */
  private take(): Asker[] {
    let keys = 0;
    let count = 0;
    for (const asker of this.askers) {
      keys += asker.keys.length;
      if (count > 0 && keys > this.options.keysMax) break;
      count++;
    }
    return this.askers.splice(0, count);
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
