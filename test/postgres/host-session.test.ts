/** One session for many questions, on a real cluster. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type EmbeddedCluster, startEmbeddedCluster } from "../../src/embedded/cluster.ts";
import { hostUrls } from "../../src/postgres/connection-string.ts";
import { nodeQuestions } from "../../src/postgres/durability.ts";
import { HostSession } from "../../src/postgres/host-session.ts";
import type { Session } from "../../src/postgres/session.ts";
import { createLog } from "../../src/runtime/log.ts";
import { TestFolder, toPrimary, toStandby } from "../embedded/support.ts";
import { eventually } from "../support/eventually.ts";
import { freeze } from "../support/frozen.ts";
import { handClock } from "../support/hand-clock.ts";
import { TEST_SESSION } from "../support/shared-cluster.ts";

const KEPT_MS_MAX = 3_000;

const opened = new AsyncDisposableStack();
let cluster: EmbeddedCluster;
beforeAll(async () => {
  const folder = opened.use(new TestFolder());
  cluster = opened.use(await startEmbeddedCluster({ folder: folder.data, log: createLog("text", "silent") }));
});
afterAll(() => opened.disposeAsync());

function onPrimary(timeoutMs = TEST_SESSION.connectTimeoutMs) {
  const clock = handClock();
  const [url] = hostUrls(cluster.connectionString);
  const options = { ...TEST_SESSION, applicationName: "questions", connectTimeoutMs: timeoutMs };
  return { clock, host: new HostSession(url!, { ...options, clock, keptMsMax: KEPT_MS_MAX }) };
}

const commits = async (session: Session) => {
  const text = "SELECT current_setting('synchronous_commit') AS is";
  return (await session.query<{ is: string }>({ text }))[0]!.is;
};

const backend = async (session: Session) => session.backend;

async function openSessions(): Promise<number> {
  await using client = await toPrimary(cluster);
  const counted = "SELECT FROM pg_stat_activity WHERE application_name = 'questions'";
  return (await client.query(counted)).rowCount!;
}

test("questions share a session; once it is old, one sees what was set for its role meanwhile", async () => {
  const { clock, host } = onPrimary();
  using _ = host;
  await using admin = await toPrimary(cluster);
  const first = await host.ask(backend);
  expect(await host.ask(commits)).toBe("on");
  await admin.query("ALTER ROLE CURRENT_USER SET synchronous_commit = 'local'");
  try {
    clock.nowMs += KEPT_MS_MAX - 1;
    expect(await host.ask(backend)).toBe(first);
    clock.nowMs += 1;
    expect(await host.ask(commits)).toBe("local");
    expect(await host.ask(backend)).not.toBe(first);
    await eventually("the old one is closed", async () => (await openSessions()) === 1);
  } finally {
    await admin.query("ALTER ROLE CURRENT_USER RESET synchronous_commit");
  }
});

test("what is set for the whole server is seen by the session that is kept", async () => {
  using host = onPrimary().host;
  await using admin = await toPrimary(cluster);
  const first = await host.ask(backend);
  const change = async (words: string) => {
    await admin.query(`ALTER SYSTEM ${words}`);
    await admin.query("SELECT pg_reload_conf()");
  };
  await change("SET synchronous_commit = 'local'");
  try {
    await eventually("it is seen", async () => (await host.ask(commits)) === "local");
  } finally {
    await change("RESET synchronous_commit");
  }
  await eventually("it is mended", async () => (await host.ask(commits)) === "on");
  expect(await host.ask(backend)).toBe(first);
});

test("a session that the server has ended is opened anew for the next question", async () => {
  using host = onPrimary().host;
  await using admin = await toPrimary(cluster);
  const first = await host.ask(backend);
  await admin.query("SELECT pg_terminate_backend($1)", [first]);
  await eventually("it is gone", async () => (await openSessions()) === 0);
  expect(await host.ask(backend)).not.toBe(first);
});

test("who hangs is given up in time, and asked in a new session when it is back", async () => {
  using host = onPrimary(1_500).host;
  const first = await host.ask(backend);
  {
    using _ = freeze(cluster.nodes.primary.dataFolder);
    // In the session that is kept, and in one that can't be opened.
    for (let i = 0; i < 2; i++)
      await expect(host.ask(commits)).rejects.toThrow("no answer from PostgreSQL within 1500 ms");
  }
  expect(await host.ask(backend)).not.toBe(first);
});

test("a question that fails ends its session, for the connection may be why", async () => {
  using host = onPrimary().host;
  const first = await host.ask(backend);
  await expect(host.ask((session) => session.query({ text: "SELECT 1/0" }))).rejects.toThrow(
    "division by zero",
  );
  expect(await host.ask(backend)).not.toBe(first);
});

test("once disposed of nothing is left open, also of a connection that was being made, and nothing is asked", async () => {
  const idle = onPrimary().host;
  await idle.ask(commits);
  const connecting = onPrimary().host;
  const asked = connecting.ask(commits);
  for (const host of [idle, connecting]) host[Symbol.dispose]();
  await expect(asked).rejects.toThrow("nothing is asked any more");
  await eventually("nothing is open", async () => (await openSessions()) === 0);
  for (const host of [idle, connecting])
    await expect(host.ask(commits)).rejects.toThrow("nothing is asked any more");
});

test("the gate's questions to a node share a session for three seconds, and hear of a promotion in it", async () => {
  await using folder = new TestFolder();
  await using own = await startEmbeddedCluster({ folder: folder.data, log: createLog("text", "silent") });
  const clock = handClock();
  const options = { ...TEST_SESSION, applicationName: "questions" };
  await using opened = new AsyncDisposableStack();
  const [, standby] = nodeQuestions(own.connectionString, options, clock).map((each) => opened.use(each));
  await using client = await toStandby(own);
  const sessions = async () =>
    (await client.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'questions'")).rows;
  expect((await standby!.ask()).isPrimary).toBe(false);
  const first = await sessions();
  await client.query("SELECT pg_promote()");
  expect((await standby!.ask()).timeline).toBe(2);
  expect(await sessions()).toEqual(first);
  clock.nowMs += 3_000;
  await standby!.ask();
  await eventually("another one took its place", async () => {
    const [now, ...more] = await sessions();
    return more.length === 0 && now.pid !== first[0].pid;
  });
});
