import { expect, test } from "bun:test";
import { readClusterFacts } from "../../src/postgres/durability.ts";
import { Session } from "../../src/postgres/session.ts";
import { clusterChecks } from "../../src/recording/durability.ts";
import { freshDatabase, TEST_SESSION } from "../support/shared-cluster.ts";

const faults = async (database: string) => {
  const { nodes, unreachable } = await readClusterFacts(database, TEST_SESSION);
  return clusterChecks(nodes, unreachable)
    .filter(({ ok }) => !ok)
    .map(({ check, found }) => `${check.split(" ").slice(1).join(" ")}: ${found}`);
};

test("what the server is configured to is asked, not what a lane's session sets for itself", async () => {
  const database = await freshDatabase();
  expect(await faults(database)).toEqual([]);
  await using admin = await Session.openPrimary(database, TEST_SESSION);
  const name = new URL(database.replace(/,[^/]*/, "")).pathname.slice(1);
  await admin.command(`ALTER DATABASE ${name} SET synchronous_commit = 'local'`);
  expect((await faults(database))[0]).toBe("synchronous_commit: local");
});
