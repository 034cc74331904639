/** However the process that owns a cluster dies, PostgreSQL does not stay behind, and the next start carries on. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { eventually } from "../support/eventually.ts";
import { record, recorded, start, TEST_TIMEOUT_MS, TestFolder, TestLog, toPrimary } from "./support.ts";

setDefaultTimeout(TEST_TIMEOUT_MS);

/** The keeper's own bound: 5 s for each of two processes and three signals. On a stalled disk it needs them. */
const GONE_WITHIN_MS = 30_000;

function spawnOwner(folder: TestFolder): ChildProcess {
  return spawn(process.execPath, [join(import.meta.dir, "owner.ts"), folder.data], {
    stdio: ["ignore", "pipe", "ignore"],
  });
}

async function up(owner: ChildProcess): Promise<void> {
  const [line] = await once(createInterface(owner.stdout!), "line");
  expect(line).toStartWith("up postgres://");
}

async function killed(owner: ChildProcess): Promise<void> {
  const exit = once(owner, "exit");
  owner.kill("SIGKILL");
  await exit;
}

const nothingLeft = (folder: TestFolder) =>
  eventually("all of PostgreSQL's processes are gone", () => folder.processes().length === 0, GONE_WITHIN_MS);

test("the owner is killed: PostgreSQL stops by itself", async () => {
  await using folder = new TestFolder();
  {
    await using cluster = await start(folder);
    await record(cluster, 1);
  }
  const owner = spawnOwner(folder);
  await up(owner);
  await killed(owner);
  await nothingLeft(folder);
  await using cluster = await start(folder);
  await record(cluster, 2);
  await using client = await toPrimary(cluster);
  expect(await recorded(client)).toEqual([1, 2]);
});

test("the keeper was killed before its owner: its successor stops PostgreSQL", async () => {
  await using folder = new TestFolder();
  const owner = spawnOwner(folder);
  await up(owner);
  const [keeper] = folder.keepers();
  process.kill(keeper!, "SIGKILL");
  await eventually(
    "there is another keeper",
    () => folder.keepers().length === 1 && folder.keepers()[0] !== keeper,
  );
  await killed(owner);
  await nothingLeft(folder);
});

test("owner and keeper are killed together: the next start stops what they left and carries on", async () => {
  await using folder = new TestFolder();
  const owner = spawnOwner(folder);
  await up(owner);
  const left = folder.processes().filter((pid) => pid !== owner.pid && !folder.keepers().includes(pid));
  owner.kill("SIGSTOP"); // or it would replace its keeper
  for (const pid of folder.keepers()) process.kill(pid, "SIGKILL");
  await killed(owner);
  expect(folder.processes().sort()).toEqual(left.sort());

  const log = new TestLog();
  await using cluster = await start(folder, log);
  for (const name of ["primary", "standby"]) {
    expect(log.messages("warn")).toContain(
      `stopping the PostgreSQL ${name} that an earlier urna left running`,
    );
  }
  expect(folder.processes().filter((pid) => left.includes(pid))).toEqual([]);
  await record(cluster, 1);
});

for (const momentMs of [300, 700, 1100, 1500]) {
  test(`the owner is killed ${momentMs} ms into its first start: the next one, at once, succeeds`, async () => {
    await using folder = new TestFolder();
    const owner = spawnOwner(folder);
    await Promise.race([up(owner), pause(momentMs)]);
    await killed(owner);
    await using cluster = await start(folder);
    await record(cluster, 1);
  });
}

test("a Ctrl-C in the owner's terminal reaches the owner alone: the rest is in sessions of its own", async () => {
  await using folder = new TestFolder();
  await using _cluster = await start(folder);
  const sessions = folder.processes().map(sessionOf);
  expect(sessions.length).toBeGreaterThan(3);
  expect(sessions).not.toContain(sessionOf(process.pid));
});

/** From /proc/<pid>/stat: after the name in parentheses come state, parent, process group, session. */
function sessionOf(pid: number): string {
  return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ")[3]!;
}
