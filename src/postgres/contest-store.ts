/** The contest store on PostgreSQL: every write in a durable transaction. */
import type { ContestStore, NewContest } from "../contests/store.ts";
import type { Transition } from "../contests/transitions.ts";
import type { Contest } from "../election/contest.ts";
import type { Election } from "../election/election.ts";
import { isPublicId } from "../election/public-id.ts";
import type { ContestTally } from "../election/tally.ts";
import { Problem } from "../runtime/problem.ts";
import { writeWal } from "./ballots.ts";
import * as rows from "./contests.ts";
import { commitOrThrow } from "./durable-commit.ts";
import { createPartition, sealPartition } from "./partitions.ts";
import { isPassing } from "./passing.ts";
import { cutAfter, type Session } from "./session.ts";
import type { SessionPool } from "./session-pool.ts";
import { countBallots, sumBlocks } from "./tallies.ts";

export class PostgresContestStore implements ContestStore {
  /** Ends of contests, sealed or final, that were read in a transaction that waited for the standby. */
  private readonly durablyEnded = new Set<string>();

  constructor(
    private readonly pool: SessionPool,
    private readonly timeoutMs: number,
  ) {}

  createElection(election: Election): Promise<Election> {
    return this.durably(async (session) => {
      if (await rows.insertElection(session, election)) return election;
      const existing = await rows.selectElection(session, election.id);
      return existing ?? (await rows.selectElection(session, election.uuid))!;
    });
  }

  createContest(contest: NewContest): Promise<Contest> {
    return this.durably(async (session) => {
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
    return this.durably(async (session) => {
      await rows.updateTopic(session, election.uuid, topicId);
      return (await rows.selectElection(session, election.uuid))!;
    });
  }

  async findElection(id: string): Promise<Election | null> {
    return isPublicId(id) ? this.briefly((session) => rows.selectElection(session, id)) : null;
  }

  allElections(): Promise<Election[]> {
    return this.briefly((session) => rows.selectAllElections(session));
  }

  electionsToDrain(): Promise<Election[]> {
    return this.briefly((session) => rows.selectElectionsToDrain(session));
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
    return this.durably(async (session): Promise<Contest | { refused: string } | null> => {
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
    return this.briefly((session) => rows.selectBufferedContests(session));
  }

  isCloseFixed({ uuid, ledgerId, closesAtMs }: Contest): Promise<boolean> {
    return this.durably(async (session) => {
      await rows.lockContest(session, ledgerId);
      const [contest] = await rows.selectContests(session, [uuid]);
      return contest!.closesAtMs === closesAtMs && contest!.closeIsKnown;
    });
  }

  contestsToFinish(closedBeforeMs: number): Promise<Contest[]> {
    return this.briefly((session) => rows.selectContestsToFinish(session, closedBeforeMs));
  }

  async seal({ uuid }: Contest, closedBeforeMs: number): Promise<void> {
    await this.durably(async (session) => {
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

  /** Not bounded in time: a count of all ballots takes as long as it takes. */
  tallies(contest: Contest): Promise<{ ballots: ContestTally; blocks: ContestTally }> {
    return this.use(async (session) => ({
      ballots: await countBallots(session, contest.ledgerId),
      blocks: await sumBlocks(session, contest.uuid),
    }));
  }

  async publishFinal(contest: Contest, finalAtMs: number, tally: ContestTally): Promise<void> {
    await this.durably((session) => rows.updateFinal(session, contest.ledgerId, finalAtMs, tally));
  }

  /**
   * Being sealed or final is what voters are told that nothing of theirs is recorded for, or that a count is proved:
   * the first time that it is seen, it is read durably.
   */
  private async readContests(read: (session: Session) => Promise<Contest[]>): Promise<Contest[]> {
    const contests = await this.briefly(read);
    const isNews = (end: string | null) => end !== null && !this.durablyEnded.has(end);
    if (!contests.map(endOf).some(isNews)) return contests;
    const durable = await this.durably(read);
    for (const end of durable.map(endOf)) if (end !== null) this.durablyEnded.add(end);
    return durable;
  }

  private durably<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.use((session) =>
      commitOrThrow(session, this.timeoutMs, async () => {
        await writeWal(session);
        return work(session);
      }),
    );
  }

  private briefly<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.use((session) => cutAfter(session, this.timeoutMs, work(session)));
  }

  private async use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    try {
      return await this.pool.use(work);
    } catch (error) {
      if (!isPassing(error)) throw error;
      throw new Problem("not_available", "the ledger does not answer now", { cause: error });
    }
  }
}

function endOf({ ledgerId, sealedAtMs, finalAtMs }: Contest): string | null {
  if (sealedAtMs === null) return null;
  return `${ledgerId} ${finalAtMs === null ? "sealed" : "final"}`;
}
