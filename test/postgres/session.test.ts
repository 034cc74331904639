/** Which node a session is opened to, and what is left of an attempt that failed. */
import { expect, test } from "bun:test";
import { startEmbeddedCluster } from "../../src/embedded/cluster.ts";
import { hostUrls } from "../../src/postgres/connection-string.ts";
import { Session } from "../../src/postgres/session.ts";
import { createLog } from "../../src/runtime/log.ts";
import { TestFolder } from "../embedded/support.ts";
import { eventually } from "../support/eventually.ts";
import { freshDatabase, TEST_SESSION } from "../support/shared-cluster.ts";

test("a standby that answers is not taken for the primary, alone or before it", async () => {
  await using folder = new TestFolder();
  await using cluster = await startEmbeddedCluster({ folder: folder.data, log: createLog("text", "error") });
  const [primary, standby] = hostUrls(cluster.connectionString);
  await expect(Session.openPrimary(standby!, TEST_SESSION)).rejects.toMatchObject({
    code: "no_primary",
    message: expect.stringContaining("is a standby"),
  });
  const [first, second] = [standby!, primary!].map((url) => new URL(url).host);
  const standbyFirst = standby!.replace(first!, `${first},${second}`);
  await using session = await Session.openPrimary(standbyFirst, TEST_SESSION);
  expect(session.host).toBe(second!);
});

test("a server that does not say whether it is a primary is left again", async () => {
  const database = await freshDatabase();
  await using admin = await Session.openPrimary(database, TEST_SESSION);
  await admin.command("CREATE ROLE untold LOGIN PASSWORD 'untold'");
  await admin.command("REVOKE EXECUTE ON FUNCTION pg_is_in_recovery() FROM PUBLIC");
  const untold = database.replace(/\/\/[^@]*@/, "//untold:untold@");
  await expect(Session.openPrimary(untold, TEST_SESSION)).rejects.toThrow("permission denied");
  await eventually("nobody is connected", async () => {
    const sessions = await admin.query({ text: "SELECT FROM pg_stat_activity WHERE usename = 'untold'" });
    return sessions.length === 0;
  });
});
