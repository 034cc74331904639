import { expect, setDefaultTimeout, test } from "bun:test";
import { start, TEST_TIMEOUT_MS, TestFolder, toPrimary, toStandby } from "./support.ts";

setDefaultTimeout(TEST_TIMEOUT_MS);

const DURABLE = {
  synchronous_commit: "on",
  fsync: "on",
  full_page_writes: "on",
  data_checksums: "on",
  wal_level: "replica",
  checkpoint_timeout: "30min",
  max_wal_size: "2GB",
  hot_standby: "on",
  restart_after_crash: "on",
  max_slot_wal_keep_size: "4GB",
  max_connections: "100",
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  client_min_messages: "notice",
  lc_messages: "C",
  server_encoding: "UTF8",
  ...(process.platform === "linux" ? { wal_sync_method: "fdatasync" } : {}),
};

test("both nodes run with the settings that durability rests on, and with a test's own", async () => {
  await using folder = new TestFolder();
  await using cluster = await start(folder, undefined, { work_mem: "5MB" });
  const expected = {
    primary: { ...DURABLE, synchronous_standby_names: "ANY 1 (urna_standby)", work_mem: "5MB" },
    standby: { ...DURABLE, synchronous_standby_names: "ANY 1 (urna_primary)", work_mem: "5MB" },
  };
  await using primary = await toPrimary(cluster);
  await using standby = await toStandby(cluster);
  for (const [name, client] of Object.entries({ primary, standby })) {
    const shown: Record<string, string> = {};
    for (const setting of Object.keys(expected.primary)) {
      const { rows } = await client.query<Record<string, string>>(`SHOW ${setting}`);
      shown[setting] = rows[0]![setting]!;
    }
    expect(shown).toEqual(expected[name as "primary" | "standby"]);
  }
  const version = await primary.query<{ server_version: string }>("SHOW server_version");
  expect(version.rows[0]!.server_version).toStartWith("18.");
  const recovering = await standby.query<{ is: boolean }>("SELECT pg_is_in_recovery() AS is");
  expect(recovering.rows[0]!.is).toBe(true);
  const slot = await primary.query(
    "SELECT FROM pg_replication_slots WHERE active AND slot_type = 'physical'",
  );
  expect(slot.rowCount).toBe(1);
});
