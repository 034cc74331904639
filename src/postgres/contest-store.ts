/** The contest store on PostgreSQL: every write in a durable transaction. */
import type { ContestStore, NewContest } from "../contests/store.ts";
import type { Transition } from "../contests/transitions.ts";
import type { Contest } from "../election/contest.ts";
import type { Election } from "../election/election.ts";
import type { ContestTally } from "../election/tally.ts";
import { writeWal } from "./ballots.ts";
import * as rows from "./contests.ts";
import { commitOrThrow } from "./durable-commit.ts";
import { createPartition, sealPartition } from "./partitions.ts";
import type { Session } from "./session.ts";
import type { SessionPool } from "./session-pool.ts";
import { countBallots, sumBlocks } from "./tallies.ts";

export class PostgresContestStore implements ContestStore {
  /** Contests whose being final was read in a transaction that waited for the standby. */
  private readonly durablyFinal = new Set<number>();

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

  findElection(id: string): Promise<Election | null> {
    return this.pool.use((session) => rows.selectElection(session, id));
  }

  allElections(): Promise<Election[]> {
    return this.pool.use((session) => rows.selectAllElections(session));
  }

  findContests(ids: readonly string[]): Promise<Contest[]> {
    return this.readContests((session) => rows.selectContests(session, ids));
  }

  allContests(): Promise<Contest[]> {
    return this.readContests((session) => rows.selectAllContests(session));
  }

  changeContest(id: string, decide: (contest: Contest) => Transition) {
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

  contestsToFinish(closedBeforeMs: number): Promise<Contest[]> {
    return this.pool.use((session) => rows.selectContestsToFinish(session, closedBeforeMs));
  }

  async seal(contest: Contest, sealedAtMs: number): Promise<void> {
    await this.durably(async (session) => {
      await rows.lockContest(session, contest.ledgerId);
      await sealPartition(session, contest.ledgerId);
      await rows.updateSealed(session, contest.ledgerId, sealedAtMs);
    });
  }

  /** Not bounded in time: a count of all ballots takes as long as it takes. */
  tallies(contest: Contest): Promise<{ ballots: ContestTally; blocks: ContestTally }> {
    return this.pool.use(async (session) => ({
      ballots: await countBallots(session, contest.ledgerId),
      blocks: await sumBlocks(session, contest.uuid),
    }));
  }

  async publishFinal(contest: Contest, finalAtMs: number, tally: ContestTally): Promise<void> {
    await this.durably((session) => rows.updateFinal(session, contest.ledgerId, finalAtMs, tally));
  }

  /** Being final is an answer that voters may take for an acknowledgement: the first time it is seen, durably. */
  private async readContests(read: (session: Session) => Promise<Contest[]>): Promise<Contest[]> {
    const contests = await this.pool.use(read);
    const isNews = ({ ledgerId, finalAtMs }: Contest) =>
      finalAtMs !== null && !this.durablyFinal.has(ledgerId);
    if (!contests.some(isNews)) return contests;
    const durable = await this.durably(read);
    for (const { ledgerId, finalAtMs } of durable) if (finalAtMs !== null) this.durablyFinal.add(ledgerId);
    return durable;
  }

  private durably<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.pool.use((session) =>
      commitOrThrow(session, this.timeoutMs, async () => {
        await writeWal(session);
        return work(session);
      }),
    );
  }
}
