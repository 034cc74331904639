import { expect, test } from "bun:test";
import {
  clusterChecks,
  type DurabilitySettings,
  type NodeFacts,
  settingFaults,
} from "../../src/recording/durability.ts";

const SAFE: DurabilitySettings = {
  fsync: "on",
  full_page_writes: "on",
  synchronous_commit: "on",
  synchronous_standby_names: "ANY 1 (a, b)",
  wal_sync_method: "fdatasync",
  data_checksums: "on",
};
const PRIMARY: NodeFacts = {
  host: "a:5432",
  isPrimary: true,
  timeline: 1,
  version: 180_004,
  platform: "linux",
  settings: SAFE,
  systemIdentifier: "1",
  standbys: [{ name: "b", address: "10.0.0.2", slot: null, isSynchronous: true, confirms: true }],
  follows: null,
  seesStandbys: true,
};
const STANDBY: NodeFacts = {
  ...{ ...PRIMARY, host: "b:5432", isPrimary: false, timeline: null, standbys: [] },
  follows: { name: "b", slot: null },
};

const faultsOf = (nodes: NodeFacts[], unreachable: string[] = []) =>
  clusterChecks(nodes, unreachable)
    .filter(({ ok }) => !ok)
    .map(({ check }) => check);

test.each([
  ["fsync", "off"],
  ["full_page_writes", "off"],
  ["synchronous_commit", "local"],
  ["synchronous_commit", "remote_write"],
  ["synchronous_commit", "off"],
  ["synchronous_standby_names", ""],
  ["synchronous_standby_names", " "],
  ["synchronous_standby_names", "*"],
  ["synchronous_standby_names", 'ANY 1 ("*")'],
  ["synchronous_standby_names", "FIRST 1 (a, *)"],
  ["synchronous_standby_names", "ANY 0 (a)"],
  ["synchronous_standby_names", "0 (a, b)"],
] as const)("%s = '%s' forbids acknowledging", (setting, value) => {
  expect(settingFaults({ ...SAFE, [setting]: value }).map(({ check }) => check)).toEqual([setting]);
});

test.each(["a", "a, b", "2 (a, b)", "FIRST 1 (a)", 'ANY 1 ("node *1")'])(
  "standby names '%s' will do",
  (names) => {
    expect(settingFaults({ ...SAFE, synchronous_standby_names: names })).toEqual([]);
  },
);

test("a cluster in order has no fault", () => {
  expect(faultsOf([PRIMARY, STANDBY])).toEqual([]);
});

test("a standby is judged by what it says itself, since it may be promoted", () => {
  const standby = { ...STANDBY, settings: { ...SAFE, fsync: "off", synchronous_standby_names: "" } };
  expect(faultsOf([PRIMARY, standby])).toEqual(["b:5432 fsync", "b:5432 synchronous_standby_names"]);
});

test("no synchronous standby, no checksums, another way to sync: each is named", () => {
  expect(faultsOf([{ ...PRIMARY, standbys: [] }])).toEqual(["a:5432 synchronous standby connected"]);
  const settings = { ...SAFE, data_checksums: "off", wal_sync_method: "open_sync" };
  expect(faultsOf([{ ...PRIMARY, settings }, STANDBY])).toEqual([
    "a:5432 wal_sync_method",
    "a:5432 data_checksums",
  ]);
  const elsewhere = { settings: { ...SAFE, wal_sync_method: "fsync" }, platform: "other" } as const;
  expect(faultsOf([{ ...PRIMARY, ...elsewhere }, STANDBY])).toEqual([]);
});

test("no primary, and two of them, are both wrong", () => {
  expect(faultsOf([STANDBY], ["a:5432: gone"])).toEqual(["one primary"]);
  expect(faultsOf([PRIMARY, { ...PRIMARY, host: "b:5432" }])).toEqual(["one primary"]);
});

const VERSION = ["a:5432 version"];
test.each([
  [180_000, []],
  [190_000, []],
  [170_005, []],
  [170_004, VERSION],
  [160_009, []],
  [160_008, VERSION],
  [150_018, []],
  [150_013, []],
  [150_012, VERSION],
  [140_023, VERSION],
  [130_023, VERSION],
])("version %i may skip the wait after a start, or not", (version, faults) => {
  expect(faultsOf([{ ...PRIMARY, version }, STANDBY])).toEqual(faults);
});

test("the release that is needed is named", () => {
  const mendOf = (version: number) =>
    clusterChecks([{ ...PRIMARY, version }, STANDBY], []).find(({ check }) => check === "a:5432 version")
      ?.mend;
  expect(mendOf(170_004)).toContain("17.5");
  expect(mendOf(140_018)).toContain("18");
});

const [B] = PRIMARY.standbys;
const NOT_ASKED = ["standby b asked"];
test.each<[string, Partial<NodeFacts>, string[]]>([
  ["is asked", {}, []],
  ["through its slot", { standbys: [{ ...B!, slot: "s" }] }, NOT_ASKED],
  ["of another cluster", { systemIdentifier: "2" }, NOT_ASKED],
  [
    "not synchronous now, but as soon as another is lost",
    { standbys: [B!, { ...B!, isSynchronous: false }] },
    NOT_ASKED,
  ],
  ["a second one of its name", { standbys: [B!, B!] }, NOT_ASKED],
  ["that confirms nothing", { standbys: [B!, { ...B!, confirms: false }] }, []],
])("a standby that counts and is not the one that was asked: %s", (_, changes, faults) => {
  expect(faultsOf([{ ...PRIMARY, ...changes }, STANDBY])).toEqual(faults);
});

test("a standby that counts and does not answer is said to be silent", () => {
  const faults = clusterChecks([PRIMARY], ["b:5432: refused"]).filter(({ ok }) => !ok);
  expect(faults).toMatchObject([
    { check: "standby b asked", mend: expect.stringContaining("b:5432: refused") },
  ]);
});

test("a standby is asked through the slot that both sides name", () => {
  const slot = "s";
  const standby = { ...STANDBY, follows: { name: "b", slot } };
  expect(faultsOf([{ ...PRIMARY, standbys: [{ ...B!, slot }] }, standby])).toEqual([]);
});
