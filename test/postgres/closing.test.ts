/** What was disposed of opens nothing again, and closing waits for nobody who hangs. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type EmbeddedCluster, startEmbeddedCluster } from "../../src/embedded/cluster.ts";
import { GateCommit } from "../../src/postgres/gate-commit.ts";
import { Session } from "../../src/postgres/session.ts";
import { SessionPool } from "../../src/postgres/session-pool.ts";
import { createLog } from "../../src/runtime/log.ts";
import { TestFolder } from "../embedded/support.ts";
import { freeze } from "../support/frozen.ts";
import { streamWriter } from "../support/record.ts";
import { TEST_SESSION } from "../support/shared-cluster.ts";

const opened = new AsyncDisposableStack();
let cluster: EmbeddedCluster;
beforeAll(async () => {
  const folder = opened.use(new TestFolder());
  cluster = opened.use(await startEmbeddedCluster({ folder: folder.data, log: createLog("text", "silent") }));
});
afterAll(() => opened.disposeAsync());

test("a stream writer that was disposed of does not connect again", async () => {
  const writer = streamWriter(cluster.connectionString);
  await writer.connect();
  await writer[Symbol.asyncDispose]();
  await expect(writer.connect()).rejects.toMatchObject({ code: "ledger_unavailable" });
});

test("one that is disposed of while it connects does not stay connected", async () => {
  const writer = streamWriter(cluster.connectionString);
  const connecting = writer.connect();
  await writer[Symbol.asyncDispose]();
  await expect(connecting).rejects.toMatchObject({ code: "ledger_unavailable" });
});

test("a pool that was disposed of opens no session, and keeps none that comes back", async () => {
  const { connectionString } = cluster;
  const pool = new SessionPool({ ...TEST_SESSION, connectionString, sessionsMax: 2, waitingMax: 2 });
  let used: Session | undefined;
  await pool.use(async (session) => {
    used = session;
    await pool[Symbol.asyncDispose]();
  });
  expect(used?.usable).toBe(false);
  await expect(pool.use(async () => 1)).rejects.toMatchObject({ code: "ledger_unavailable" });
});

test("nor does it look for a primary any more", async () => {
  const connectionString = "postgres://nobody@127.0.0.1:1/none";
  const pool = new SessionPool({ ...TEST_SESSION, connectionString, sessionsMax: 2, waitingMax: 2 });
  await expect(pool.use(async () => 1)).rejects.toMatchObject({ code: "no_primary" });
  await pool[Symbol.asyncDispose]();
  await expect(pool.use(async () => 1)).rejects.toMatchObject({ code: "ledger_unavailable" });
});

test("a session to a primary that hangs is closed all the same", async () => {
  const session = await Session.openPrimary(cluster.connectionString, TEST_SESSION);
  using _ = freeze(cluster.nodes.primary.dataFolder);
  await session[Symbol.asyncDispose]();
  expect(session.usable).toBe(false);
});

test("a gate's commit that is disposed of while it connects is not made", async () => {
  const { connectionString } = cluster;
  const commit = new GateCommit({ ...TEST_SESSION, connectionString, timeoutMs: 5_000 });
  const confirming = commit.confirm();
  await commit[Symbol.asyncDispose]();
  expect(await confirming).toMatchObject({ ok: false, found: expect.stringContaining("being left") });
});
