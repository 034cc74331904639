/** A ledger that takes a buffered election's ballots, on PostgreSQL. */
import type { BallotLedger } from "../contests/ballot-ledger.ts";
import type { Contest } from "../election/contest.ts";
import type { Election } from "../election/election.ts";
import type { ContestTally } from "../election/tally.ts";
import { GENESIS_HASH } from "../ledger/block.ts";
import { Problem } from "../runtime/problem.ts";
import { writeWal } from "./ballots.ts";
import { insertElection, insertOptions } from "./contests.ts";
import { insertPartitionStreams, selectPassedPartitions } from "./drain-statements.ts";
import { commitOrThrow } from "./durable-commit.ts";
import { copyContest } from "./ledger-copies.ts";
import { createPartition, hasPartition, sealPartition } from "./partitions.ts";
import { isPassing } from "./passing.ts";
import type { Session } from "./session.ts";
import type { SessionPool } from "./session-pool.ts";
import { countBallots, sumBlocks } from "./tallies.ts";

export class PostgresBallotLedger implements BallotLedger {
  constructor(
    readonly number: number,
    private readonly pool: SessionPool,
    private readonly timeoutMs: number,
  ) {}

  addElection(election: Election, partitions: readonly number[]): Promise<void> {
    return this.durably(async (session) => {
      await insertElection(session, election);
      await insertPartitionStreams(session, election.uuid, partitions, GENESIS_HASH);
    });
  }

  addContest(contest: Contest): Promise<void> {
    return this.durably(async (session) => {
      if (await copyContest(session, contest)) {
        const titles = contest.options.map(({ title }) => title);
        await insertOptions(session, contest.ledgerId, titles);
      }
      if (!(await hasPartition(session, contest.ledgerId))) await createPartition(session, contest.ledgerId);
    });
  }

  partitionsPassed(contest: Contest): Promise<Set<number>> {
    return this.durably((session) => selectPassedPartitions(session, contest.ledgerId));
  }

  seal({ ledgerId }: Contest): Promise<void> {
    return this.durably((session) => sealPartition(session, ledgerId));
  }

  /** Not bounded in time: a count of all ballots takes as long as it takes. */
  tallies({ ledgerId, uuid }: Contest): Promise<{ ballots: ContestTally; blocks: ContestTally }> {
    return this.use(async (session) => ({
      ballots: await countBallots(session, ledgerId),
      blocks: await sumBlocks(session, uuid),
    }));
  }

  private durably<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.use((session) =>
      commitOrThrow(session, this.timeoutMs, async () => {
        await writeWal(session);
        return work(session);
      }),
    );
  }

  private async use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    try {
      return await this.pool.use(work);
    } catch (error) {
      if (!isPassing(error)) throw error;
      const message = `ledger ${this.number} does not answer now`;
      throw new Problem("not_available", message, { cause: error });
    }
  }
}
