/** The contest store on PostgreSQL: every write in a durable transaction. */
import type { ContestStore, NewContest } from "../contests/store.ts";
import type { Transition } from "../contests/transitions.ts";
import type { Contest } from "../election/contest.ts";
import type { Election } from "../election/election.ts";
import { isPublicId } from "../election/public-id.ts";
import type { ContestTally } from "../election/tally.ts";
import * as rows from "./contests.ts";
import { LedgerWork } from "./ledger-work.ts";
import { createPartition, sealPartition } from "./partitions.ts";
import type { Session } from "./session.ts";
import type { SessionPool } from "./session-pool.ts";

export class PostgresContestStore implements ContestStore {
  /** Ends of contests, sealed or final, that were read in a transaction that waited for the standby. */
  private readonly durablyEnded = new Set<string>();

  private readonly work: LedgerWork;

  constructor(pool: SessionPool, timeoutMs: number) {
    this.work = new LedgerWork(pool, timeoutMs, "the ledger");
  }

  createElection(election: Election): Promise<Election> {
    return this.work.durably(async (session) => {
      if (await rows.insertElection(session, election)) return election;
      const existing = await rows.selectElection(session, election.id);
      return existing ?? (await rows.selectElection(session, election.uuid))!;
    });
  }

  createContest(contest: NewContest): Promise<Contest> {
    return this.work.durably(async (session) => {
      const ledgerId = await rows.insertContest(session, contest);
      if (ledgerId === null) return (await rows.selectContests(session, [contest.id, contest.uuid]))[0]!;
      await rows.insertOptions(
        session,
        ledgerId,
        contest.options.map(({ title }) => title),
      );
      await createPartition(session, ledgerId);
      return { ...contest, ledgerId };
    });
  }

  setTopic(election: Election, topicId: string): Promise<Election> {
    return this.work.durably(async (session) => {
      await rows.updateTopic(session, election.uuid, topicId);
      return (await rows.selectElection(session, election.uuid))!;
    });
  }

  async findElection(id: string): Promise<Election | null> {
    return isPublicId(id) ? this.work.briefly((session) => rows.selectElection(session, id)) : null;
  }

  allElections(): Promise<Election[]> {
    return this.work.briefly((session) => rows.selectAllElections(session));
  }

  electionsToDrain(): Promise<Election[]> {
    return this.work.briefly((session) => rows.selectElectionsToDrain(session));
  }

  async findContests(ids: readonly string[]): Promise<Contest[]> {
    const possible = ids.filter(isPublicId);
    if (possible.length === 0) return [];
    return this.readContests((session) => rows.selectContests(session, possible));
  }

  newestPublicContests(contestsMax: number): Promise<Contest[]> {
    return this.readContests((session) => rows.selectNewestPublicContests(session, contestsMax));
  }

  async changeContest(id: string, decide: (contest: Contest) => Transition) {
    if (!isPublicId(id)) return null;
    return this.work.durably(async (session): Promise<Contest | { refused: string } | null> => {
      const [found] = await rows.selectContests(session, [id]);
      if (found === undefined) return null;
      await rows.lockContest(session, found.ledgerId);
      const [contest] = await rows.selectContests(session, [id]);
      const transition = decide(contest!);
      if ("refused" in transition) return transition;
      await rows.updateContest(session, contest!, transition.change);
      return { ...contest!, ...transition.change };
    });
  }

  bufferedContests(): Promise<Contest[]> {
    return this.work.briefly((session) => rows.selectBufferedContests(session));
  }

  contestsAhead(contestsMax: number): Promise<Contest[]> {
    return this.work.briefly((session) => rows.selectContestsAhead(session, contestsMax));
  }

  isCloseFixed({ uuid, ledgerId, closesAtMs }: Contest): Promise<boolean> {
    return this.work.durably(async (session) => {
      await rows.lockContest(session, ledgerId);
      const [contest] = await rows.selectContests(session, [uuid]);
      return contest!.closesAtMs === closesAtMs && contest!.closeIsKnown;
    });
  }

  contestsToFinish(closedBeforeMs: number): Promise<Contest[]> {
    return this.work.briefly((session) => rows.selectContestsToFinish(session, closedBeforeMs));
  }

  async seal({ uuid }: Contest, closedBeforeMs: number): Promise<void> {
    await this.work.durably(async (session) => {
      const [found] = await rows.selectContests(session, [uuid]);
      await rows.lockContest(session, found!.ledgerId);
      // Looked at again under the lock: it may have been extended meanwhile.
      const [contest] = await rows.selectContests(session, [uuid]);
      if (contest!.closesAtMs !== null && contest!.closesAtMs > closedBeforeMs) {
        throw new Error("it was extended meanwhile");
      }
      await sealPartition(session, contest!.ledgerId);
      await rows.updateSealed(session, contest!.ledgerId);
    });
  }

  tallies(contest: Contest): Promise<{ ballots: ContestTally; blocks: ContestTally }> {
    return this.work.tallies(contest);
  }

  async publishFinal(contest: Contest, finalAtMs: number, tally: ContestTally): Promise<void> {
    await this.work.durably((session) => rows.updateFinal(session, contest.ledgerId, finalAtMs, tally));
  }

  /**
   * Being sealed or final is what voters are told that nothing of theirs is recorded for, or that a count is proved:
   * the first time that it is seen, it is read durably.
   */
  private async readContests(read: (session: Session) => Promise<Contest[]>): Promise<Contest[]> {
    const contests = await this.work.briefly(read);
    const isNews = (end: string | null) => end !== null && !this.durablyEnded.has(end);
    if (!contests.map(endOf).some(isNews)) return contests;
    const durable = await this.work.durably(read);
    for (const end of durable.map(endOf)) if (end !== null) this.durablyEnded.add(end);
    return durable;
  }
}

function endOf({ ledgerId, sealedAtMs, finalAtMs }: Contest): string | null {
  if (sealedAtMs === null) return null;
  return `${ledgerId} ${finalAtMs === null ? "sealed" : "final"}`;
}
