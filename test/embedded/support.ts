/** What the tests of the embedded cluster share: temporary folders, clusters in them, and a check for leaks. */
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { type EmbeddedCluster, startEmbeddedCluster } from "../../src/embedded/cluster.ts";
import type { EmbeddedError } from "../../src/embedded/errors.ts";
import { signal } from "../../src/embedded/processes.ts";
import type { Settings } from "../../src/embedded/settings.ts";
import { eventually } from "../support/eventually.ts";

/** For setDefaultTimeout: a cluster's first start takes seconds on a busy machine, and some tests start several. */
export const TEST_TIMEOUT_MS = 60_000;

export type LogLine = { level: "info" | "warn" | "error"; message: string; details: object };

export class TestLog {
  readonly lines: LogLine[] = [];
  readonly info = (details: object, message: string) => this.add("info", details, message);
  readonly warn = (details: object, message: string) => this.add("warn", details, message);
  readonly error = (details: object, message: string) => this.add("error", details, message);

  private add(level: LogLine["level"], details: object, message: string): void {
    this.lines.push({ level, message, details });
  }

  messages(level: LogLine["level"]): string[] {
    return this.lines.filter((line) => line.level === level).map((line) => line.message);
  }
}

/** A folder of a test's own; disposing of it fails the test when a process that works in it is left. */
export class TestFolder implements AsyncDisposable {
  readonly root: string;
  /** The data folder, not made yet. */
  readonly data: string;

  constructor(parent = tmpdir()) {
    this.root = realpathSync(mkdtempSync(join(parent, "urna-embedded-")));
    chmodSync(this.root, 0o755); // PostgreSQL may run as another user
    this.data = join(this.root, "data");
  }

  node(name: "primary" | "standby"): string {
    return join(this.data, "postgres", name);
  }

  processes(): number[] {
    return processesBelow(this.root);
  }

  keepers(): number[] {
    return processesBelow(this.root).filter((pid) => commandOf(pid).includes("urna-keeper"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const leaked = this.processes();
    for (const pid of leaked) signal(pid, "SIGKILL");
    await eventually("no process is left in the test's folder", () => this.processes().length === 0);
    rmSync(this.root, { recursive: true, force: true });
    if (leaked.length > 0) throw new Error(`leaked processes: ${leaked.join(", ")}`);
  }
}

/** Asks /proc itself, so that a mistake in the code under test cannot hide a leak. Empty where there is no /proc. */
function processesBelow(root: string): number[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter(
      (pid) => pid !== process.pid && (folderOf(pid).startsWith(root) || commandOf(pid).includes(root)),
    );
}

function folderOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}

export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

export function start(
  folder: TestFolder,
  log = new TestLog(),
  settings: Settings = {},
): Promise<EmbeddedCluster> {
  return startEmbeddedCluster({ folder: folder.data, log, settings });
}

/** The error that a start must fail with. */
export async function failure(starting: Promise<EmbeddedCluster>): Promise<EmbeddedError> {
  const outcome = await starting.then(
    (cluster) => cluster,
    (error: EmbeddedError) => error,
  );
  if (outcome instanceof Error) return outcome;
  await outcome.stop();
  throw new Error("the start was to fail, and did not");
}

/** One connection to one node, closed with the scope. */
export async function connect(connectionString: string, port: number): Promise<pg.Client & AsyncDisposable> {
  const { username, password } = new URL(connectionString.replace(/@.*\//, "@127.0.0.1/"));
  const client = new pg.Client({ host: "127.0.0.1", port, user: username, password, database: "urna" });
  client.on("error", () => {});
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end().catch(() => {}) });
}

export const toPrimary = (cluster: EmbeddedCluster) =>
  connect(cluster.connectionString, cluster.nodes.primary.port);
export const toStandby = (cluster: EmbeddedCluster) =>
  connect(cluster.connectionString, cluster.nodes.standby.port);

/** Makes the table of the tests, and a durable row in it. */
export async function record(cluster: EmbeddedCluster, vote: number): Promise<void> {
  await using client = await toPrimary(cluster);
  await client.query("CREATE TABLE IF NOT EXISTS votes (vote int8 PRIMARY KEY)");
  await client.query("INSERT INTO votes VALUES ($1)", [vote]);
}

export async function recorded(client: pg.Client): Promise<number[]> {
  const { rows } = await client.query<{ vote: string }>("SELECT vote FROM votes ORDER BY vote");
  return rows.map(({ vote }) => Number(vote));
}
