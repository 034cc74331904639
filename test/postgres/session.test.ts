/** Which node a session is opened to, on a cluster without anything in it. */
import { expect, test } from "bun:test";
import { startEmbeddedCluster } from "../../src/embedded/cluster.ts";
import { hostUrls } from "../../src/postgres/connection-string.ts";
import { Session } from "../../src/postgres/session.ts";
import { createLog } from "../../src/runtime/log.ts";
import { TestFolder } from "../embedded/support.ts";
import { TEST_SESSION } from "../support/shared-cluster.ts";

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
