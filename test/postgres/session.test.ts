/** Which node a session is opened to, and what is left of an attempt that failed. */
import { expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { startEmbeddedCluster } from "../../src/embedded/cluster.ts";
import { hostUrls } from "../../src/postgres/connection-string.ts";
import { commitStatement } from "../../src/postgres/durable-commit.ts";
import { cutAfter, cutAllBut, Session } from "../../src/postgres/session.ts";
import { createLog } from "../../src/runtime/log.ts";
import { TestFolder } from "../embedded/support.ts";
import { beBusy } from "../support/be-busy.ts";
import { eventually } from "../support/eventually.ts";
import { freshDatabase, TEST_SESSION } from "../support/shared-cluster.ts";

test("a standby that answers is not taken for the primary, alone or before it", async () => {
  await using folder = new TestFolder();
  await using cluster = await startEmbeddedCluster({ folder: folder.data, log: createLog("text", "error") });
  const [primary, standby] = hostUrls(cluster.connectionString);
  await expect(Session.openPrimary(standby!, TEST_SESSION)).rejects.toMatchObject({
    code: "no_primary",
    message: expect.stringContaining("is a standby"),
  });
  const [first, second] = [standby!, primary!].map((url) => new URL(url).host);
  const standbyFirst = standby!.replace(first!, `${first},${second}`);
  await using session = await Session.openPrimary(standbyFirst, TEST_SESSION);
  expect(session.host).toBe(second!);
});

test("a server that does not say whether it is a primary is left again", async () => {
  const database = await freshDatabase();
  await using admin = await Session.openPrimary(database, TEST_SESSION);
  await admin.command("CREATE ROLE untold LOGIN PASSWORD 'untold'");
  await admin.command("REVOKE EXECUTE ON FUNCTION pg_is_in_recovery() FROM PUBLIC");
  const untold = database.replace(/\/\/[^@]*@/, "//untold:untold@");
  await expect(Session.openPrimary(untold, TEST_SESSION)).rejects.toThrow("permission denied");
  await eventually("nobody is connected", async () => {
    const sessions = await admin.query({ text: "SELECT FROM pg_stat_activity WHERE usename = 'untold'" });
    return sessions.length === 0;
  });
});

test("an answer that came while this process was busy is read before its server is called silent", async () => {
  await using session = await Session.openPrimary(await freshDatabase(), TEST_SESSION);
  setTimeout(() => beBusy(500), 10);
  const answer = cutAfter(session, 20, session.query({ text: "SELECT pg_sleep(0.2)" }));
  // Both are due when this is over. The answer comes while the first one is busy, and is not read before the second one.
  beBusy(50);
  await answer;
});

/** A host that accepts connections and says nothing. */
async function silentHost() {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `postgres://nobody@127.0.0.1:${port}/none`,
    get callers() {
      return sockets.length;
    },
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

test("once another host is the primary, sessions of the others are cut: a commit's outcome is unknown then", async () => {
  using silent = await silentHost();
  const attached = new Set<Session>();
  const options = { ...TEST_SESSION, connectTimeoutMs: 60_000, attached };
  await using session = await Session.openPrimary(await freshDatabase(), options);
  const opening = Session.openPrimary(silent.url, options).catch((error) => error);
  await eventually("it is being connected to", () => silent.callers === 1);
  const asleep = { text: "SELECT pg_sleep(2)" };
  const committing = commitStatement(session, 60_000, () => session.query(asleep));
  cutAllBut(session.host, attached);
  expect([...attached]).toEqual([session]);
  expect(await opening).toMatchObject({ code: "no_primary" });
  expect(session.usable).toBe(true);
  cutAllBut("another:5432", attached);
  expect(await committing).toMatchObject({ outcome: "unknown" });
  expect(attached.size).toBe(0);
});

test("whoever freezes in a transaction holds its locks, and so a contest's seal, for seconds only", async () => {
  const database = await freshDatabase();
  await using frozen = await Session.openPrimary(database, TEST_SESSION);
  await using sealing = await Session.openPrimary(database, { ...TEST_SESSION, lockTimeoutMs: 30_000 });
  await frozen.command("CREATE TABLE read (one int)");
  await frozen.command("BEGIN");
  await frozen.command("SELECT FROM read");
  // Nothing more comes from it, as from a process that was stopped.
  await sealing.command("BEGIN");
  await sealing.command("LOCK TABLE read IN ACCESS EXCLUSIVE MODE");
  await expect(frozen.command("COMMIT")).rejects.toThrow();
});
