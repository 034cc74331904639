/** What the gate monitor says between its rounds of questions, and whom it tells. */
import { afterEach, expect, test } from "bun:test";
import type { DurabilityCheck } from "../../src/recording/durability.ts";
import { GateMonitor } from "../../src/recording/gate-monitor.ts";
import { eventually } from "../support/eventually.ts";
import { handClock } from "../support/hand-clock.ts";

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

const AGE_MS_MAX = 5_000;

/** A monitor at work, whose questions `readFacts` answers; it gets older by hand alone. */
function watch(readFacts: () => Promise<typeof SAFE>, confirm = async () => CONFIRMED) {
  const told: string[][] = [];
  const clock = handClock();
  const monitor = new GateMonitor(readFacts, confirm, {
    pollMs: 10,
    ageMsMax: AGE_MS_MAX,
    clock,
    onChange: (faults) => told.push(faults.map(({ found }) => found)),
  });
  const end = new AbortController();
  const running = monitor.run(end.signal);
  ending.push(async () => {
    end.abort();
    await running;
  });
  return { monitor, told, clock };
}

/** Questions that are answered at once, until they are held back. */
function held(facts: () => typeof SAFE) {
  let release: () => void = () => undefined;
  let waiting = Promise.resolve();
  let asked = 0;
  ending.push(async () => release());
  return {
    readFacts: async () => {
      asked++;
      await waiting;
      return facts();
    },
    /** Resolves when a question waits. */
    async hold() {
      waiting = new Promise((resolve) => {
        release = resolve;
      });
      const before = asked;
      await eventually("a question waits", () => asked > before);
    },
    release: () => release(),
  };
}

test("it is shut until all was asked once", async () => {
  const monitor = new GateMonitor(
    async () => SAFE,
    async () => CONFIRMED,
    { pollMs: 10, ageMsMax: AGE_MS_MAX, clock: handClock(), onChange: () => undefined },
  );
  expect(monitor.faults).toHaveLength(1);
  await monitor.check();
  expect(monitor.faults).toEqual([]);
});

test("answers that are too old shut it, tell so, and count again when questions are answered", async () => {
  const questions = held(() => SAFE);
  const { monitor, told, clock } = watch(questions.readFacts);
  await eventually("it is open", () => told.length === 1);
  await questions.hold();
  clock.nowMs += AGE_MS_MAX;
  expect(monitor.faults).toEqual([]);
  clock.nowMs += 1;
  expect(monitor.faults.map(({ found }) => found)).toEqual(["not checked for too long"]);
  await eventually("somebody is told", () => told.length === 2);
  questions.release();
  await eventually("it is open again", () => told.length === 3);
  expect(told).toEqual([[], ["not checked for too long"], []]);
});

test("what was found wrong stays the reason however old it gets, and is told once", async () => {
  const questions = held(() => ({ nodes: [STANDBY], unreachable: [] }));
  const { monitor, told, clock } = watch(questions.readFacts);
  await eventually("it is told", () => told.length === 1);
  const [reason] = monitor.faults;
  expect(reason).toMatchObject({ check: "one primary" });
  for (let round = 0; round < 3; round++) {
    await questions.hold();
    // A question that hangs takes so long, and so do the next ones.
    clock.nowMs += 2 * AGE_MS_MAX;
    expect(monitor.faults.map(({ check }) => check)).toEqual(["one primary"]);
    questions.release();
  }
  expect(told).toHaveLength(1);
});

test("a commit that no standby confirms shuts it", async () => {
  let check: DurabilityCheck = CONFIRMED;
  const { monitor } = watch(
    async () => SAFE,
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
  });
  await eventually("it was asked often", () => rounds > 5);
  expect(told).toEqual([[expect.stringContaining("off")]]);
});
