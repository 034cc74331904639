/** The contest store's promise of bounded time, with a server process that does not answer any more. */
import { expect, test } from "bun:test";
import { PostgresContestStore } from "../../src/postgres/contest-store.ts";
import { Session } from "../../src/postgres/session.ts";
import { SessionPool } from "../../src/postgres/session-pool.ts";
import { BufferedLedgers } from "../support/buffered-ledgers.ts";
import { createContest, openStore } from "../support/record.ts";
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
    // Far below what would end it otherwise: a busy machine has its time.
    expect(performance.now() - startedMs).toBeWithin(TIMEOUT_MS - 50, 20 * TIMEOUT_MS);
    expect(await store.findElection("nowhere")).toBeNull();
  } finally {
    process.kill(backend!.pid, "SIGCONT");
  }
});

test("known ahead are those of buffered elections that may take ballots or will, the newest first", async () => {
  await using buffered = await BufferedLedgers.open([0]);
  const { store } = buffered;
  const [open, scheduled, draft, sealed] = [
    await buffered.contest(),
    await buffered.contest({ opensAtMs: Date.now() + 60_000 }),
    await buffered.contest({ opensAtMs: null }),
    await buffered.contest(),
  ];
  await createContest(store);
  await store.seal(sealed!, Date.now());
  const ids = async (contestsMax: number) => (await store.contestsAhead(contestsMax)).map(({ id }) => id);
  expect(await ids(10)).toEqual([scheduled!.id, open!.id]);
  expect(await ids(1)).toEqual([scheduled!.id]);
  expect(await ids(10)).not.toContain(draft!.id);
});

test("while somebody is moving a close it is not fixed, and moved it is another one", async () => {
  const connectionString = await freshDatabase();
  await using opened = new AsyncDisposableStack();
  const { store, pool } = await openStore(opened, connectionString);
  const contest = await createContest(store, { closesAtMs: Date.now() - 1_000, opensAtMs: 0 });
  expect(await store.isCloseFixed(contest)).toBe(true);
  await pool.use(async (session) => {
    await session.query({ text: "BEGIN" });
    await session.query({ text: "UPDATE contests SET closes_at = now() + interval '1 minute'" });
    // As one whose commit waits for a standby: its row is locked, and nobody sees what it says yet.
    await expect(store.isCloseFixed(contest)).rejects.toThrow();
    await session.query({ text: "COMMIT" });
  });
  expect(await store.isCloseFixed(contest)).toBe(false);
});
