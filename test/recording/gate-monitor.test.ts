/** What the gate monitor says between its rounds of questions, and whom it tells. */
import { afterEach, expect, test } from "bun:test";
import type { DurabilityCheck } from "../../src/recording/durability.ts";
import { GateMonitor } from "../../src/recording/gate-monitor.ts";
import { eventually } from "../support/eventually.ts";

const CONFIRMED: DurabilityCheck = { check: "a standby confirms a commit", ok: true, found: "", mend: "" };
const PRIMARY = {
  host: "a:5432",
  isPrimary: true,
  version: 180_004,
  platform: "linux" as const,
  settings: {
    fsync: "on",
    full_page_writes: "on",
    synchronous_commit: "on",
    synchronous_standby_names: "b",
    wal_sync_method: "fdatasync",
    data_checksums: "on",
  },
  systemIdentifier: "1",
  standbys: [{ name: "b", address: "", slot: null, isSynchronous: true, confirms: true }],
  follows: null,
  seesStandbys: true,
};
const STANDBY = {
  ...{ ...PRIMARY, host: "b:5432", isPrimary: false, standbys: [] },
  follows: { name: "b", slot: null },
};
const SAFE = { nodes: [PRIMARY, STANDBY], unreachable: [] };

const ending: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0)) await end();
});

/** A monitor at work, whose questions `readFacts` answers. */
function watch(readFacts: () => Promise<typeof SAFE>, ageMsMax = 200, confirm = async () => CONFIRMED) {
  const told: string[][] = [];
  const monitor = new GateMonitor(readFacts, confirm, {
    pollMs: 10,
    ageMsMax,
    onChange: (faults) => told.push(faults.map(({ found }) => found)),
  });
  const end = new AbortController();
  const running = monitor.run(end.signal);
  ending.push(async () => {
    end.abort();
    await running;
  });
  return { monitor, told };
}

test("it is shut until all was asked once", async () => {
  const monitor = new GateMonitor(
    async () => SAFE,
    async () => CONFIRMED,
    { pollMs: 10, ageMsMax: 60_000, onChange: () => undefined },
  );
  expect(monitor.faults).toHaveLength(1);
  await monitor.check();
  expect(monitor.faults).toEqual([]);
});

test("answers that are too old shut it, tell so, and count again when questions are answered", async () => {
  let release: () => void = () => undefined;
  let held = Promise.resolve();
  const { monitor, told } = watch(() => held.then(() => SAFE));
  await eventually("it is open", () => monitor.faults.length === 0);
  held = new Promise((resolve) => {
    release = resolve;
  });
  await eventually("it is shut", () => monitor.faults.length === 1);
  expect(monitor.faults[0]!.found).toBe("not checked for too long");
  await eventually("somebody is told", () => told.length === 2);
  release();
  await eventually("it is open again", () => told.length === 3);
  expect(told).toEqual([[], ["not checked for too long"], []]);
});

test("a commit that no standby confirms shuts it", async () => {
  let check: DurabilityCheck = CONFIRMED;
  const { monitor } = watch(
    async () => SAFE,
    60_000,
    async () => check,
  );
  await eventually("it is open", () => monitor.faults.length === 0);
  check = { ...CONFIRMED, ok: false };
  await eventually("it is shut", () => monitor.faults.includes(check));
});

test("what is wrong is told once, however often and in whatever words it is found", async () => {
  let rounds = 0;
  const { told } = watch(async () => {
    rounds++;
    return {
      ...SAFE,
      nodes: [{ ...PRIMARY, settings: { ...PRIMARY.settings, fsync: `off ${rounds}` } }, STANDBY],
    };
  }, 60_000);
  await eventually("it was asked often", () => rounds > 5);
  expect(told).toEqual([[expect.stringContaining("off")]]);
});
