/** The contest store's promise of bounded time, with a server process that does not answer any more. */
import { expect, test } from "bun:test";
import { PostgresContestStore } from "../../src/postgres/contest-store.ts";
import { Session } from "../../src/postgres/session.ts";
import { SessionPool } from "../../src/postgres/session-pool.ts";
import { freshDatabase, TEST_SESSION } from "../support/shared-cluster.ts";

const TIMEOUT_MS = 300;

test("a read on a connection whose server process hangs: not_available in time, and then another connection", async () => {
  const connectionString = await freshDatabase();
  const options = { ...TEST_SESSION, applicationName: "urna store test", sessionsMax: 1, waitingMax: 1 };
  await using pool = new SessionPool({ ...options, connectionString });
  const store = new PostgresContestStore(pool, TIMEOUT_MS);
  expect(await store.findContests(["nowhere"])).toEqual([]);

  await using observer = await Session.openPrimary(connectionString, TEST_SESSION);
  const [backend] = await observer.query<{ pid: number }>(
    { text: "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()" },
    [options.applicationName],
  );
  process.kill(backend!.pid, "SIGSTOP");
  try {
    const startedMs = performance.now();
    await expect(store.findContests(["nowhere"])).rejects.toMatchObject({ code: "not_available" });
    expect(performance.now() - startedMs).toBeWithin(TIMEOUT_MS - 50, TIMEOUT_MS + 1_000);
    expect(await store.findElection("nowhere")).toBeNull();
  } finally {
    process.kill(backend!.pid, "SIGCONT");
  }
});
