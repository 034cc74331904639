/** A ledger that takes a buffered election's ballots, on PostgreSQL. */
import type { BallotLedger } from "../contests/ballot-ledger.ts";
import type { Contest } from "../election/contest.ts";
import type { Election } from "../election/election.ts";
import type { ContestTally } from "../election/tally.ts";
import { GENESIS_HASH } from "../ledger/block.ts";
import { insertElection, insertOptions } from "./contests.ts";
import { insertPartitionStreams, selectPassedPartitions } from "./drain-statements.ts";
import { copyContest } from "./ledger-copies.ts";
import { LedgerWork } from "./ledger-work.ts";
import { createPartition, hasPartition, sealPartition } from "./partitions.ts";
import type { SessionPool } from "./session-pool.ts";

export class PostgresBallotLedger implements BallotLedger {
  private readonly work: LedgerWork;

  constructor(
    readonly number: number,
    pool: SessionPool,
    timeoutMs: number,
  ) {
    this.work = new LedgerWork(pool, timeoutMs, `ledger ${number}`);
  }

  addElection(election: Election, partitions: readonly number[]): Promise<void> {
    return this.work.durably(async (session) => {
      await insertElection(session, election);
      await insertPartitionStreams(session, election.uuid, partitions, GENESIS_HASH);
    });
  }

  addContest(contest: Contest): Promise<void> {
    return this.work.durably(async (session) => {
      if (await copyContest(session, contest)) {
        const titles = contest.options.map(({ title }) => title);
        await insertOptions(session, contest.ledgerId, titles);
      }
      if (!(await hasPartition(session, contest.ledgerId))) await createPartition(session, contest.ledgerId);
    });
  }

  partitionsPassed(contest: Contest): Promise<Set<number>> {
    return this.work.durably((session) => selectPassedPartitions(session, contest.ledgerId));
  }

  seal({ ledgerId }: Contest): Promise<void> {
    return this.work.durably((session) => sealPartition(session, ledgerId));
  }

  tallies(contest: Contest): Promise<{ ballots: ContestTally; blocks: ContestTally }> {
    return this.work.tallies(contest);
  }
}
