/** One embedded cluster for all test files of a run, started when the first one asks, and a database for each. */
import { afterAll } from "bun:test";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedCluster, startEmbeddedCluster } from "../../src/embedded/cluster.ts";
import { askHosts } from "../../src/postgres/durability.ts";
import { migrate } from "../../src/postgres/migrate.ts";
import { Session } from "../../src/postgres/session.ts";
import { createLog } from "../../src/runtime/log.ts";
import { eventually } from "./eventually.ts";

export const TEST_SESSION = { applicationName: "urna test", connectTimeoutMs: 5_000, lockTimeoutMs: 1_000 };

let started: Promise<{ cluster: EmbeddedCluster; folder: string }> | undefined;
let databases = 0;

async function start() {
  const folder = mkdtempSync(join(tmpdir(), "urna-test-"));
  chmodSync(folder, 0o755); // PostgreSQL may run as another user.
  const cluster = await startEmbeddedCluster({
    folder: join(folder, "data"),
    log: createLog("text", "error"),
  });
  return { cluster, folder };
}

/** The connection string of a fresh database with the schema, on a cluster that waits for its standby. */
export async function freshDatabase(): Promise<string> {
  started ??= start();
  return databaseOn((await started).cluster);
}

/** The same on a cluster of the test's own, which it may break. */
export async function databaseOn(cluster: EmbeddedCluster): Promise<string> {
  const name = `test_${++databases}`;
  await using admin = await Session.openPrimary(cluster.connectionString, TEST_SESSION);
  await admin.query({ text: `CREATE DATABASE ${name}` });
  const connectionString = cluster.connectionString.replace(/\/[^/?]*(\?|$)/, `/${name}$1`);
  await using session = await Session.openPrimary(connectionString, TEST_SESSION);
  await migrate(session, 30_000);
  await eventually("the standby has replayed it", async () => {
    const { unreachable } = await askHosts(connectionString, TEST_SESSION, async () => null);
    return unreachable.length === 0;
  });
  return connectionString;
}

afterAll(async () => {
  if (started === undefined) return;
  const { cluster, folder } = await started;
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
});
