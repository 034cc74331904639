/** A real ledger for the recount's tests: a database of its own, contests, and ballots recorded as lanes do. */
import { randomBytes, randomUUID } from "node:crypto";
import { type Contest, UNCHANGED } from "../../src/election/contest.ts";
import { PostgresContestStore } from "../../src/postgres/contest-store.ts";
import { Session } from "../../src/postgres/session.ts";
import { SessionPool } from "../../src/postgres/session-pool.ts";
import { PostgresStreamWriter } from "../../src/postgres/stream-writer.ts";
import type { Ballot, RecordedBallot, StreamHead } from "../../src/recording/ledger.ts";
import { ballotOfKey, batchOf } from "../support/record.ts";
import { freshDatabase, TEST_SESSION } from "../support/shared-cluster.ts";

const TIMEOUT_MS = 30_000;

export class RealLedger implements AsyncDisposable {
  private constructor(
    readonly connectionString: string,
    readonly pool: SessionPool,
    readonly contests: PostgresContestStore,
  ) {}

  static async open(): Promise<RealLedger> {
    const connectionString = await freshDatabase();
    const pool = new SessionPool({ ...TEST_SESSION, connectionString, sessionsMax: 4, waitingMax: 100 });
    return new RealLedger(connectionString, pool, new PostgresContestStore(pool, TIMEOUT_MS));
  }

  /** Runs as the superuser that nothing stops from changing what was recorded. */
  async corrupt(...statements: string[]): Promise<void> {
    await using session = await this.session();
    for (const text of statements) await session.query({ text });
  }

  session(): Promise<Session> {
    return Session.openPrimary(this.connectionString, TEST_SESSION);
  }

  async contest(id: string): Promise<Contest> {
    const electionUuid = randomUUID();
    await this.contests.createElection({
      uuid: electionUuid,
      id: `election-of-${id}`,
      title: "Election",
      pepperFingerprint: randomBytes(8),
      allowedOrigins: [],
      buffering: null,
    });
    return this.contests.createContest({
      id,
      uuid: randomUUID(),
      electionUuid,
      electionId: `election-of-${id}`,
      title: "Contest",
      method: "single-choice",
      options: [1, 2, 3].map((number) => ({ number, title: `Option ${number}` })),
      allowBlank: true,
      resultsVisible: "live",
      allowedOrigins: [],
      buffering: null,
      opensAtMs: Date.now() - 1_000,
      closesAtMs: null,
      ...UNCHANGED,
    });
  }

  async recorder(): Promise<Recorder> {
    const { connectionString } = this;
    const writer = new PostgresStreamWriter({
      ...TEST_SESSION,
      connectionString,
      writer: "test",
      attemptTimeoutMs: TIMEOUT_MS,
      gateFaults: () => [],
      overrideGate: false,
    });
    await writer.connect();
    return new Recorder(writer, await writer.openStream());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool[Symbol.asyncDispose]();
  }
}

/** One stream's writer, as a lane uses it. */
export class Recorder implements AsyncDisposable {
  constructor(
    private readonly writer: PostgresStreamWriter,
    private head: StreamHead,
  ) {}

  async record(ballots: readonly Ballot[]): Promise<RecordedBallot[]> {
    const outcome = await this.writer.record(this.head, batchOf(ballots));
    if (outcome.outcome !== "recorded") throw new Error(outcome.outcome, { cause: outcome });
    this.head = outcome.head;
    return outcome.ballots;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.writer[Symbol.asyncDispose]();
  }
}

/** A new voter's ballot; without a choice it is blank. */
export function ballotOf(contest: Contest, choice?: number): Ballot {
  const selections = choice === undefined ? [] : [choice];
  return ballotOfKey(contest, randomBytes(16).toString("hex"), selections);
}

export function ballotsOf(contest: Contest, count: number): Ballot[] {
  return Array.from({ length: count }, (_, i) => ballotOf(contest, i % 4 === 0 ? undefined : i % 4));
}
