import { expect, test } from "bun:test";
import { setTimeout as delay } from "node:timers/promises";
import { processesIn } from "../../src/embedded/processes.ts";
import { eventually } from "../support/eventually.ts";
import { record, recorded, start, TestFolder, toPrimary, toStandby } from "./support.ts";

test("a commit returns only when the standby has it", async () => {
  await using folder = new TestFolder();
  await using cluster = await start(folder);
  await record(cluster, 1);
  await using client = await toPrimary(cluster);
  await using other = await toPrimary(cluster);

  const frozen = processesIn(cluster.nodes.standby.dataFolder);
  for (const pid of frozen) process.kill(pid, "SIGSTOP");
  let returned = false;
  const commit = client.query("INSERT INTO votes VALUES (2)").then(() => {
    returned = true;
  });
  await eventually("the commit waits for the standby", async () => {
    const waiting = await other.query("SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    return waiting.rowCount === 1;
  });
  await delay(200); // that nothing happens has no event
  expect(returned).toBe(false);

  for (const pid of frozen) process.kill(pid, "SIGCONT");
  await commit;
  await using standby = await toStandby(cluster);
  await eventually("the standby shows both", async () => Bun.deepEquals(await recorded(standby), [1, 2]));
});
