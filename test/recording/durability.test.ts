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
  serverVersion: "18.4",
  platform: "linux",
  settings: SAFE,
  synchronousStandbys: ["b"],
  seesStandbys: true,
};
const STANDBY: NodeFacts = { ...PRIMARY, host: "b:5432", isPrimary: false, synchronousStandbys: [] };

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
  expect(faultsOf([{ ...PRIMARY, synchronousStandbys: [] }])).toEqual([
    "a:5432 synchronous standby connected",
  ]);
  const settings = { ...SAFE, data_checksums: "off", wal_sync_method: "open_sync" };
  expect(faultsOf([{ ...PRIMARY, settings }])).toEqual(["a:5432 wal_sync_method", "a:5432 data_checksums"]);
  expect(
    faultsOf([{ ...PRIMARY, settings: { ...SAFE, wal_sync_method: "fsync" }, platform: "other" }]),
  ).toEqual([]);
});

test("no primary, and two of them, are both wrong", () => {
  expect(faultsOf([STANDBY], ["a:5432: gone"])).toEqual(["one primary"]);
  expect(faultsOf([PRIMARY, { ...PRIMARY, host: "b:5432" }])).toEqual(["one primary"]);
});
