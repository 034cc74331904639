/** One session for many questions, on a real cluster. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type EmbeddedCluster, startEmbeddedCluster } from "../../src/embedded/cluster.ts";
import { hostUrls } from "../../src/postgres/connection-string.ts";
import { HostSession } from "../../src/postgres/host-session.ts";
import type { Session } from "../../src/postgres/session.ts";
import { createLog } from "../../src/runtime/log.ts";
import { TestFolder, toPrimary } from "../embedded/support.ts";
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
  await admin.query("ALTER SYSTEM SET synchronous_commit = 'local'");
  await admin.query("SELECT pg_reload_conf()");
  await eventually("it is seen", async () => (await host.ask(commits)) === "local");
  expect(await host.ask(backend)).toBe(first);
  await admin.query("ALTER SYSTEM RESET synchronous_commit");
  await admin.query("SELECT pg_reload_conf()");
  await eventually("it is mended", async () => (await host.ask(commits)) === "on");
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
  using host = onPrimary(500).host;
  const first = await host.ask(backend);
  {
    using _ = freeze(cluster.nodes.primary.dataFolder);
    // In the session that is kept, and in one that can't be opened.
    for (let i = 0; i < 2; i++)
      await expect(host.ask(commits)).rejects.toThrow("no answer from PostgreSQL within 500 ms");
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

test("once disposed of nothing is left open, also of a connection that was being made", async () => {
  const { host } = onPrimary();
  const asked = host.ask(commits);
  host[Symbol.dispose]();
  await expect(asked).rejects.toThrow("the ledger is being left");
  await eventually("nothing is open", async () => (await openSessions()) === 0);
  await expect(host.ask(commits)).rejects.toThrow("the ledger is being left");
});
