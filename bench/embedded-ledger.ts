/** An embedded ledger of its own for a benchmark, with contests made in it directly: no HTTP, no roles. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Buffering } from "../src/election/buffering.ts";
import { type Contest, UNCHANGED } from "../src/election/contest.ts";
import type { Election } from "../src/election/election.ts";
import { type EmbeddedCluster, startEmbeddedCluster } from "../src/embedded/cluster.ts";
import { PostgresContestStore } from "../src/postgres/contest-store.ts";
import { SessionPool } from "../src/postgres/session-pool.ts";
import { updateSchema } from "../src/roles/schema.ts";
import { createLog } from "../src/runtime/log.ts";
import { scratchFolder } from "./scratch-folder.ts";

export const BENCH_SESSION = {
  ...{ applicationName: "urna bench", connectTimeoutMs: 5_000, lockTimeoutMs: 1_000 },
};
/** What a checkpoint costs belongs where it is asked for: none is forced by the volume of a benchmark. */
const SETTINGS = { max_wal_size: "20GB" };
const TIMEOUT_MS = 10_000;

export class EmbeddedLedger implements AsyncDisposable {
  private constructor(
    private readonly cluster: EmbeddedCluster,
    readonly pool: SessionPool,
    private readonly opened: AsyncDisposableStack,
  ) {}

  /** `settings` are PostgreSQL's, and win. */
  static async open(
    name: string,
    sessionsMax: number,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<EmbeddedLedger> {
    await using opened = new AsyncDisposableStack();
    const folder = opened.use(scratchFolder(name)).path;
    const log = createLog("text", "error");
    const cluster = opened.use(
      await startEmbeddedCluster({
        folder: join(folder, "data"),
        log,
        settings: { ...SETTINGS, ...settings },
      }),
    );
    const { connectionString } = cluster;
    await updateSchema(connectionString, log);
    const pool = opened.use(
      new SessionPool({ ...BENCH_SESSION, connectionString, sessionsMax, waitingMax: 100 }),
    );
    return new EmbeddedLedger(cluster, pool, opened.move());
  }

  get connectionString(): string {
    return this.cluster.connectionString;
  }

  get nodes(): EmbeddedCluster["nodes"] {
    return this.cluster.nodes;
  }

  /** An open one of three options, of an election of its own. */
  async contest(buffering: Buffering | null): Promise<{ election: Election; contest: Contest }> {
    const store = new PostgresContestStore(this.pool, TIMEOUT_MS);
    const uuid = randomUUID();
    const election = await store.createElection({
      ...{
        uuid,
        id: uuid,
        title: "Bench",
        allowedOrigins: [],
        buffering,
        pepperFingerprint: Buffer.alloc(16),
      },
    });
    const contest = await store.createContest({
      ...{ uuid, id: uuid, electionUuid: uuid, electionId: uuid, allowedOrigins: [], buffering },
      ...{ title: "Bench", method: "single-choice", allowBlank: false, resultsVisible: "live" },
      options: ["A", "B", "C"].map((title, i) => ({ number: i + 1, title })),
      ...{ opensAtMs: Date.now() - 1_000, closesAtMs: null, ...UNCHANGED },
    });
    return { election, contest };
  }

  async checkpoint(): Promise<void> {
    await this.pool.use((session) => session.query({ text: "CHECKPOINT" }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.opened.disposeAsync();
  }
}
