/** The standby is made anew when it cannot follow, and takes the primary's place when that is gone. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EmbeddedCluster } from "../../src/embedded/cluster.ts";
import {
  failure,
  record,
  recorded,
  start,
  TEST_TIMEOUT_MS,
  TestFolder,
  TestLog,
  toPrimary,
  toStandby,
} from "./support.ts";

setDefaultTimeout(TEST_TIMEOUT_MS);

const REMADE = "the PostgreSQL standby cannot follow the primary; making it anew";

/** A stopped cluster with one vote, made once. */
const template = new TestFolder();

beforeAll(async () => {
  await using cluster = await start(template);
  await record(cluster, 1);
});

afterAll(() => template[Symbol.asyncDispose]());

function withOneVote(): TestFolder {
  const folder = new TestFolder();
  copy(template.data, folder.data);
  return folder;
}

/** With owners and modes. */
function copy(from: string, to: string): void {
  expect(Bun.spawnSync(["cp", "-a", from, to]).exitCode).toBe(0);
}

async function bothHave(cluster: EmbeddedCluster, votes: number[]): Promise<void> {
  await using primary = await toPrimary(cluster);
  await using standby = await toStandby(cluster);
  expect(await recorded(primary)).toEqual(votes);
  expect(await recorded(standby)).toEqual(votes);
}

test("a standby that was deleted is made anew, and so is a half-made one", async () => {
  await using folder = withOneVote();
  rmSync(folder.node("standby"), { recursive: true });
  const halfMade = `${folder.node("standby")}.making-1`;
  mkdirSync(halfMade);
  writeFileSync(join(halfMade, "PG_VERSION"), "18\n");
  await using cluster = await start(folder);
  await bothHave(cluster, [1]);
  expect(existsSync(halfMade)).toBe(false);
});

test("a standby whose WAL the primary has removed is made anew", async () => {
  await using folder = withOneVote();
  renameSync(folder.node("standby"), join(folder.root, "old"));
  {
    await using cluster = await start(folder);
    await using client = await toPrimary(cluster);
    for (let segment = 0; segment < 3; segment++) {
      await client.query("CREATE TABLE filler AS SELECT generate_series(1, 100000)");
      await client.query("DROP TABLE filler");
      await client.query("SELECT pg_switch_wal()");
    }
    await client.query("CHECKPOINT");
  }
  rmSync(folder.node("standby"), { recursive: true });
  renameSync(join(folder.root, "old"), folder.node("standby"));
  const log = new TestLog();
  await using cluster = await start(folder, log);
  expect(log.messages("warn")).toContain(REMADE);
  await bothHave(cluster, [1]);
});

test("a standby that went its own way is made anew, and kept aside", async () => {
  await using folder = withOneVote();
  {
    await using cluster = await start(folder);
    await using standby = await toStandby(cluster);
    await standby.query("SELECT pg_promote()");
  }
  const log = new TestLog();
  await using cluster = await start(folder, log);
  expect(log.messages("warn")).toContain(REMADE);
  expect(existsSync(`${folder.node("standby")}.unusable`)).toBe(true);
  await bothHave(cluster, [1]);
});

test("a standby that does not start is made anew", async () => {
  await using folder = withOneVote();
  rmSync(join(folder.node("standby"), "global", "pg_control"));
  const log = new TestLog();
  await using cluster = await start(folder, log);
  expect(log.messages("warn")).toContain(REMADE);
  await bothHave(cluster, [1]);
});

test("the primary is gone: the standby takes its place with everything that was acknowledged", async () => {
  await using folder = withOneVote();
  rmSync(folder.node("primary"), { recursive: true });
  const log = new TestLog();
  await using cluster = await start(folder, log);
  expect(log.messages("warn")).toContain("the PostgreSQL primary is missing; the standby takes its place");
  await record(cluster, 2);
  await bothHave(cluster, [1, 2]);
});

test("the primary was put back from an older copy: refused, since the standby knows more", async () => {
  await using folder = withOneVote();
  copy(folder.node("primary"), join(folder.root, "copy"));
  {
    await using cluster = await start(folder);
    await using client = await toPrimary(cluster);
    await client.query("CREATE TABLE filler AS SELECT generate_series(1, 500000)");
    await record(cluster, 2);
  }
  rmSync(folder.node("primary"), { recursive: true });
  renameSync(join(folder.root, "copy"), folder.node("primary"));
  const error = await failure(start(folder));
  expect(error.code).toBe("primary_behind_standby");

  rmSync(folder.node("primary"), { recursive: true }); // what the error says to do
  await using cluster = await start(folder);
  await bothHave(cluster, [1, 2]);
});
