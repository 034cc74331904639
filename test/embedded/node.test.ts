/** What a start finds changed since last time, and what a stop finds in its way. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { start, TEST_TIMEOUT_MS, TestFolder, TestLog, toPrimary } from "./support.ts";

setDefaultTimeout(TEST_TIMEOUT_MS);

const folder = new TestFolder();
let recorded: { primary: number; standby: number };

beforeAll(async () => {
  await using cluster = await start(folder);
  recorded = { primary: cluster.nodes.primary.port, standby: cluster.nodes.standby.port };
});

afterAll(() => folder[Symbol.asyncDispose]());

test("the same ports are used again, and others when somebody has taken them", async () => {
  {
    await using cluster = await start(folder);
    expect(cluster.nodes.primary.port).toBe(recorded.primary);
    expect(cluster.nodes.standby.port).toBe(recorded.standby);
  }
  const other = createServer().listen(recorded.primary, "127.0.0.1");
  await once(other, "listening");
  try {
    await using cluster = await start(folder);
    expect(cluster.nodes.primary.port).not.toBe(recorded.primary);
    expect(cluster.connectionString).toContain(`@127.0.0.1:${cluster.nodes.primary.port},`);
    await using client = await toPrimary(cluster);
    const { rows } = await client.query<{ sync_state: string }>("SELECT sync_state FROM pg_stat_replication");
    expect(rows).toEqual([{ sync_state: "quorum" }]);
  } finally {
    other.close();
  }
});

test("a log that has grown too large is put aside", async () => {
  const log = join(folder.data, "postgres", "primary.log");
  truncateSync(log, 9 * 1024 * 1024);
  await using _cluster = await start(folder);
  expect(statSync(`${log}.1`).size).toBe(9 * 1024 * 1024);
  expect(readFileSync(log, "utf8")).toContain("ready to accept connections");
});

test("a pid file that names somebody else's process does not keep a node from starting, nor harm that", async () => {
  // Of the same user and in the same folder: PostgreSQL itself takes it for a running postmaster.
  const { uid, gid } = statSync(folder.node("primary"));
  const bystander = spawn("sleep", ["60"], { cwd: folder.node("primary"), uid, gid });
  try {
    const file = join(folder.node("primary"), "postmaster.pid");
    writeFileSync(file, `${bystander.pid}\n${folder.node("primary")}\n`);
    await using _cluster = await start(folder);
    expect(bystander.exitCode).toBeNull();
    expect(bystander.signalCode).toBeNull();
  } finally {
    const exit = once(bystander, "exit");
    bystander.kill();
    await exit;
  }
});

test("stopping while a node is down leaves nothing, and stopping twice is no error", async () => {
  const cluster = await start(folder);
  process.kill(cluster.nodes.primary.pid!, "SIGKILL");
  process.kill(cluster.nodes.standby.pid!, "SIGKILL");
  await Promise.all([cluster.stop(), cluster.stop()]);
  expect(folder.processes()).toEqual([]);
  await cluster.stop();
  expect(existsSync(join(folder.data, "lock"))).toBe(true);
});

test("a stop asks for a clean shutdown: neither node has to recover at the next start", async () => {
  const log = new TestLog();
  {
    await using _cluster = await start(folder);
  }
  await using _cluster = await start(folder, log);
  for (const name of ["primary", "standby"]) {
    const text = readFileSync(join(folder.data, "postgres", `${name}.log`), "utf8");
    expect(text.slice(text.lastIndexOf("starting PostgreSQL"))).toContain("database system was shut down");
  }
  expect(log.lines).toEqual([]);
});
