import { expect, setDefaultTimeout, test } from "bun:test";
import { setTimeout as pause } from "node:timers/promises";
import { processesIn } from "../../src/embedded/processes.ts";
import { eventually } from "../support/eventually.ts";
import { record, recorded, start, TEST_TIMEOUT_MS, TestFolder, toPrimary, toStandby } from "./support.ts";

setDefaultTimeout(TEST_TIMEOUT_MS);

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
  await pause(200); // that nothing happens has no event
  expect(returned).toBe(false);

  for (const pid of frozen) process.kill(pid, "SIGCONT");
  await commit;
  await using standby = await toStandby(cluster);
  await eventually("the standby shows both", async () => Bun.deepEquals(await recorded(standby), [1, 2]));
});

test("every start resolves when the standby follows, not before", async () => {
  await using folder = new TestFolder();
  for (let starts = 0; starts < 4; starts++) {
    // A standby that finds the primary not yet up tries again so much later.
    await using cluster = await start(folder, undefined, { wal_retrieve_retry_interval: "2s" });
    await using client = await toPrimary(cluster);
    const { rows } = await client.query(
      "SELECT application_name, state, sync_state FROM pg_stat_replication",
    );
    expect(rows).toEqual([{ application_name: "urna_standby", state: "streaming", sync_state: "quorum" }]);
  }
});
