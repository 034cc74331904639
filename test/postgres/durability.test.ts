/** What is asked of every node, on a real cluster. */
import { expect, test } from "bun:test";
import { startEmbeddedCluster } from "../../src/embedded/cluster.ts";
import { readClusterFacts } from "../../src/postgres/durability.ts";
import { Session } from "../../src/postgres/session.ts";
import { clusterChecks } from "../../src/recording/durability.ts";
import { createLog } from "../../src/runtime/log.ts";
import { TestFolder, toStandby } from "../embedded/support.ts";
import { freshDatabase, TEST_SESSION } from "../support/shared-cluster.ts";

const faultsAt = async (connectionString: string) => {
  const { nodes, unreachable } = await readClusterFacts(connectionString, TEST_SESSION);
  return clusterChecks(nodes, unreachable).filter(({ ok }) => !ok);
};

test("a role that is not shown the standbys is told so, and what to grant; with that it may record", async () => {
  const superuser = await freshDatabase();
  expect(await faultsAt(superuser)).toEqual([]);
  await using session = await Session.openPrimary(superuser, TEST_SESSION);
  await session.command("CREATE ROLE plain LOGIN PASSWORD 'plain'");
  const plain = superuser.replace(/\/\/[^@]*@/, "//plain:plain@");
  const [fault, ...others] = await faultsAt(plain);
  expect(others).toEqual([]);
  expect(fault!.check).toEndWith(" synchronous standby connected");
  expect(fault).toMatchObject({ found: "(not shown to this role)", mend: expect.stringContaining("GRANT") });
  await session.command("GRANT pg_monitor TO plain");
  expect(await faultsAt(plain)).toEqual([]);
});

test("what the server is configured to is asked, not what a lane's session sets for itself", async () => {
  const database = await freshDatabase();
  await using admin = await Session.openPrimary(database, TEST_SESSION);
  const name = new URL(database.replace(/,[^/]*/, "")).pathname.slice(1);
  await admin.command(`ALTER DATABASE ${name} SET synchronous_commit = 'local'`);
  const [fault] = await faultsAt(database);
  expect(fault).toMatchObject({ check: expect.stringContaining("synchronous_commit"), found: "local" });
});

test("a standby that was promoted writes a newer timeline than the old primary, from its first answer on", async () => {
  await using folder = new TestFolder();
  await using cluster = await startEmbeddedCluster({ folder: folder.data, log: createLog("text", "silent") });
  const timelines = async () =>
    (await readClusterFacts(cluster.connectionString, TEST_SESSION)).nodes.map(({ timeline }) => timeline);
  expect(await timelines()).toEqual([1, null]);
  await using standby = await toStandby(cluster);
  await standby.query("SELECT pg_promote()");
  expect(await timelines()).toEqual([1, 2]);
});
