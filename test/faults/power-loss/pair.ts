/** A primary and its synchronous standby that can lose power: made as the embedded cluster, run without a supervisor. */
import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, closeSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import pg from "pg";
import { findBinaries } from "../../../src/embedded/binaries.ts";
import type { EmbeddedCluster, EmbeddedNode } from "../../../src/embedded/cluster.ts";
import { Keeper } from "../../../src/embedded/keeper.ts";
import { killAllIn } from "../../../src/embedded/processes.ts";
import { findServerUser, type ServerUser, serverEnvironment } from "../../../src/embedded/server-user.ts";
import type { NodeName, Settings } from "../../../src/embedded/settings.ts";
import { start, type TestFolder, TestLog, toPrimary } from "../../embedded/support.ts";
import { eventually } from "../../support/eventually.ts";
import type { PoweredNode } from "./cluster-fault.ts";

/** So that pages reach the files long before a checkpoint flushes them: there is something to lose at any moment. */
const RESTLESS: Settings = {
  shared_buffers: "1MB",
  bgwriter_delay: "10ms",
  wal_retrieve_retry_interval: "100ms",
};

export type PairNodeOptions = {
  name: NodeName;
  dataFolder: string;
  postgres: string;
  user: ServerUser;
  /** Stops PostgreSQL when the tests are killed. */
  keeper: Keeper;
  connection: pg.ClientConfig;
};

export class PairNode implements PoweredNode {
  private readonly options: PairNodeOptions;
  /** Owned by start(). Asked itself: a look at all processes misses one that is just becoming another program. */
  private postmaster: ChildProcess | undefined;

  constructor(options: PairNodeOptions) {
    this.options = options;
  }

  get dataFolder(): string {
    return this.options.dataFolder;
  }

  get logFile(): string {
    return `${this.dataFolder}.log`;
  }

  /** From the next start on. */
  configure(settings: Settings): void {
    const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`);
    appendFileSync(join(this.dataFolder, "postgresql.conf"), lines.join(""));
  }

  async start(environment: Record<string, string>): Promise<void> {
    rmSync(join(this.dataFolder, "postmaster.pid"), { force: true }); // its pid may be somebody else's by now
    const { name, postgres, user, keeper } = this.options;
    const { file, args, options } = user.launch(postgres, ["-D", this.dataFolder]);
    const log = user.open(this.logFile, "append");
    const postmaster = spawn(file, args, {
      ...options,
      cwd: this.dataFolder,
      env: { ...serverEnvironment(), ...environment },
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    this.postmaster = postmaster;
    await keeper.guard(name, postmaster.pid);
  }

  async kill9(): Promise<void> {
    if (!(await killAllIn(this.dataFolder, new TestLog()))) throw new Error("processes survived SIGKILL");
    await this.options.keeper.guard(this.options.name, undefined);
  }

  private hasEnded(): boolean {
    return this.postmaster?.exitCode !== null || this.postmaster.signalCode !== null;
  }

  /** A connection, closed with the scope; waits until the node accepts one, and fails when the node has ended. */
  async connect(): Promise<pg.Client & AsyncDisposable> {
    const client = await eventually("the node accepts connections, or ends", async () => {
      if (this.hasEnded()) return "ended" as const;
      const each = new pg.Client(this.options.connection);
      each.on("error", () => {}); // what is in flight rejects
      await each.connect();
      return Object.assign(each, { [Symbol.asyncDispose]: () => each.end().catch(() => {}) });
    });
    if (client !== "ended") return client;
    throw new Error(
      `${this.dataFolder} ended by itself:\n${readFileSync(this.logFile, "utf8").slice(-2000)}`,
    );
  }
}

/** Disposing of it kills both. */
export type Pair = Record<NodeName, PairNode> & AsyncDisposable;

/** Makes both in `folder`, with an empty table `votes`, and leaves them stopped. */
export async function makePair(folder: TestFolder): Promise<Pair> {
  const cluster = await start(folder);
  await makeTable(cluster);
  const { primary, standby } = cluster.nodes;
  await cluster.stop();
  const { postgres } = await findBinaries();
  const parent = dirname(primary.dataFolder);
  const user = await findServerUser(parent, postgres);
  const keeper = new Keeper(parent, new TestLog());
  const { username, password } = new URL(cluster.connectionString.replace(/@.*\//, "@127.0.0.1/"));
  const nodeOf = ({ name, dataFolder, port }: EmbeddedNode) => {
    const connection = { host: "127.0.0.1", port, user: username, password, database: "urna" };
    const node = new PairNode({ name, dataFolder, postgres, user, keeper, connection });
    node.configure(RESTLESS);
    return node;
  };
  const nodes = { primary: nodeOf(primary), standby: nodeOf(standby) };
  const dispose = async () => {
    await Promise.all([nodes.primary.kill9(), nodes.standby.kill9()]);
    await keeper[Symbol.asyncDispose]();
  };
  return { ...nodes, [Symbol.asyncDispose]: dispose };
}

async function makeTable(cluster: EmbeddedCluster): Promise<void> {
  await using client = await toPrimary(cluster);
  await client.query("CREATE TABLE votes (vote int8 PRIMARY KEY)");
}
