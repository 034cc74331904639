/** What may not be acknowledged while the standby has not confirmed: the traps of a synchronous wait. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import type { Contest } from "../../src/election/contest.ts";
import { type EmbeddedCluster, startEmbeddedCluster } from "../../src/embedded/cluster.ts";
import { PostgresBallotFinder } from "../../src/postgres/ballot-finder.ts";
import { selectBallots } from "../../src/postgres/ballots.ts";
import type { PostgresContestStore } from "../../src/postgres/contest-store.ts";
import { migrate } from "../../src/postgres/migrate.ts";
import { Session } from "../../src/postgres/session.ts";
import type { SessionPool } from "../../src/postgres/session-pool.ts";
import { createLog } from "../../src/runtime/log.ts";
import { TestFolder } from "../embedded/support.ts";
import { eventually } from "../support/eventually.ts";
import { freeze } from "../support/frozen.ts";
import { ballotOf, batchOf, createContest, openStore, streamWriter } from "../support/record.ts";
import { TEST_SESSION } from "../support/shared-cluster.ts";

const opened = new AsyncDisposableStack();
let cluster: EmbeddedCluster;
let store: PostgresContestStore;
let pool: SessionPool;
let contest: Contest;

beforeAll(async () => {
  const folder = opened.use(new TestFolder());
  cluster = opened.use(await startEmbeddedCluster({ folder: folder.data, log: createLog("text", "error") }));
  await using session = await Session.openPrimary(cluster.connectionString, TEST_SESSION);
  await migrate(session, 30_000);
  ({ store, pool } = await openStore(opened, cluster.connectionString));
});
beforeEach(async () => {
  contest = await createContest(store);
});
afterAll(() => opened.disposeAsync());

const freezeStandby = () => freeze(cluster.nodes.standby.dataFolder);

async function openWriter(attemptTimeoutMs = 20_000) {
  const writer = opened.use(streamWriter(cluster.connectionString, { attemptTimeoutMs }));
  await writer.connect();
  return { writer, head: await writer.openStream() };
}

/** Waits until a backend waits for the standby, and calls this function with its process id. */
async function signalWaiter(call: "pg_cancel_backend" | "pg_terminate_backend"): Promise<void> {
  await eventually("a commit waits for the standby", () =>
    pool.use(async (session) => {
      const waiters = await session.query({
        text: `SELECT ${call}(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`,
      });
      return waiters.length === 1;
    }),
  );
}

/** Whether it settles within a moment, which nothing that waits for a frozen standby does. */
function settlesSoon(promise: Promise<unknown>): Promise<boolean> {
  const moment = new Promise<false>((resolve) => setTimeout(() => resolve(false), 400));
  return Promise.race([promise.then(() => true), moment]);
}

for (const call of ["pg_cancel_backend", "pg_terminate_backend"] as const) {
  test(`a wait ended by ${call} is unknown, and known when the same block is submitted again`, async () => {
    const { writer, head } = await openWriter();
    const ballot = ballotOf(contest, "voter");
    const batch = batchOf([ballot]);
    {
      using _ = freezeStandby();
      const outcome = writer.record(head, batch);
      await signalWaiter(call);
      expect((await outcome).outcome).toBe("unknown");
    }
    await writer.connect();
    const resolved = await writer.record(head, batch);
    expect(resolved).toMatchObject({ outcome: "recorded", ballots: [{ nonce: ballot.nonce }] });
  });
}

test("without an answer in time the outcome is unknown, and resolved when the standby is back", async () => {
  const { writer, head } = await openWriter(500);
  const batch = batchOf([ballotOf(contest, "voter")]);
  {
    using _ = freezeStandby();
    expect((await writer.record(head, batch)).outcome).toBe("unknown");
  }
  await eventually("the same block is recorded", async () => {
    await writer.connect();
    return (await writer.record(head, batch)).outcome === "recorded";
  });
});

test("the phantom: a row that is visible and not replicated acknowledges nothing, not to a retry either", async () => {
  const { writer, head } = await openWriter(500);
  const other = await openWriter();
  const ballot = ballotOf(contest, "voter");
  const retries: Promise<unknown>[] = [];
  {
    using _ = freezeStandby();
    expect((await writer.record(head, batchOf([ballot]))).outcome).toBe("unknown");
    // The crash ends the wait, and recovery makes the row visible.
    const killed = cluster.nodes.primary.pid!;
    process.kill(killed, "SIGKILL");
    // Until then the killed postmaster's backends may still answer.
    await eventually("the primary runs again", () => (cluster.nodes.primary.pid ?? killed) !== killed);
    await eventually("the row is visible on the primary", () =>
      pool.use(async (session) => (await selectBallots(session, [ballot])).length === 1),
    );
    await eventually("the other writer is connected", () => other.writer.connect().then(() => true));
    const again = other.writer.record(other.head, batchOf([ballotOf(contest, "voter")]));
    const finder = new PostgresBallotFinder(pool, { timeoutMs: 20_000, askersMax: 10, keysMax: 10 });
    const found = finder.find([ballot]);
    retries.push(again, found);
    expect(await Promise.all(retries.map(settlesSoon))).toEqual([false, false]);
  }
  const [again, found] = await Promise.all(retries);
  expect(again).toMatchObject({ outcome: "recorded", ballots: [{ nonce: ballot.nonce }] });
  expect((found as { nonce: string }[]).map(({ nonce }) => nonce)).toEqual([ballot.nonce]);
});

test("a final contest is not called final before the standby knows", async () => {
  const closed = await createContest(store, { closesAtMs: Date.now() });
  await store.seal(closed, Date.now());
  const reader = await openStore(opened, cluster.connectionString);
  let publishing: Promise<void>;
  {
    using _ = freezeStandby();
    publishing = store.publishFinal(closed, Date.now(), new Map()).catch(() => undefined);
    await signalWaiter("pg_terminate_backend");
    await publishing;
    const read = reader.store.findContests([closed.id]);
    expect(await settlesSoon(read)).toBe(false);
    ignoreFailure(read);
  }
  expect((await reader.store.findContests([closed.id]))[0]?.finalAtMs).not.toBeNull();
});

test("a seal is not told of before the standby knows: a failover could undo it", async () => {
  const { writer, head } = await openWriter();
  const batch = batchOf([ballotOf(contest, "voter")]);
  const told: Promise<unknown>[] = [];
  {
    using _ = freezeStandby();
    const sealing = store.seal(contest, Date.now()).catch(() => undefined);
    await signalWaiter("pg_terminate_backend");
    await sealing;
    told.push(writer.record(head, batch), store.findContests([contest.id]));
    expect(await Promise.all(told.map(settlesSoon))).toEqual([false, false]);
  }
  const [outcome, found] = await Promise.all(told);
  expect(outcome).toEqual({ outcome: "sealed", contestLedgerId: contest.ledgerId });
  expect(found).toMatchObject([{ sealedAtMs: expect.any(Number) }]);
});

test("a count is told only once a standby has confirmed that its server is the primary still", async () => {
  let counting: Promise<unknown>;
  {
    using _ = freezeStandby();
    counting = store.tallies(contest);
    expect(await settlesSoon(counting)).toBe(false);
  }
  expect(await counting).toEqual({ ballots: new Map(), blocks: new Map() });
});

test("a block that is visible and not replicated is not told of when it is submitted again", async () => {
  const { writer, head } = await openWriter();
  const ballot = ballotOf(contest, "voter");
  const batch = batchOf([ballot]);
  let again: ReturnType<typeof writer.record>;
  {
    using _ = freezeStandby();
    const outcome = writer.record(head, batch);
    await signalWaiter("pg_terminate_backend");
    expect((await outcome).outcome).toBe("unknown");
    await writer.connect();
    again = writer.record(head, batch);
    expect(await settlesSoon(again)).toBe(false);
  }
  expect(await again).toMatchObject({ outcome: "recorded", ballots: [{ nonce: ballot.nonce }] });
});

/** Its failure is expected, and nobody waits for it. */
function ignoreFailure(promise: Promise<unknown>): void {
  promise.catch(() => undefined);
}

for (const [setting, unsafe] of [
  ["synchronous_standby_names", ""],
  ["synchronous_standby_names", "*"],
  ["fsync", "off"],
  ["full_page_writes", "off"],
] as const) {
  test(`with ${setting} = '${unsafe}' nothing is recorded`, async () => {
    const { writer, head } = await openWriter();
    await using session = await Session.openPrimary(cluster.connectionString, TEST_SESSION);
    const shown = async () =>
      (await session.query<{ value: string }>({ text: `SELECT current_setting('${setting}') AS value` }))[0]!
        .value;
    const before = await shown();
    await session.command(`ALTER SYSTEM SET ${setting} = '${unsafe}'`);
    await session.command("SELECT pg_reload_conf()");
    await eventually("the setting is in force", async () => (await shown()) === unsafe);
    const batch = batchOf([ballotOf(contest, `voter-${setting}-${unsafe}`)]);
    // Twice: what was seen to be unsafe must not be taken for what is expected.
    for (let attempt = 0; attempt < 2; attempt++) {
      expect(await writer.record(head, batch)).toMatchObject({
        outcome: "not_recorded",
        error: { code: "not_durable" },
      });
    }
    await session.command(`ALTER SYSTEM RESET ${setting}`);
    await session.command("SELECT pg_reload_conf()");
    await eventually("the setting is mended", async () => (await shown()) === before);
    await writer.connect();
    expect((await writer.record(head, batch)).outcome).toBe("recorded");
  });
}

test("a session records with synchronous_commit=on whatever the database's default says", async () => {
  await using admin = await Session.openPrimary(cluster.connectionString, TEST_SESSION);
  await admin.command("ALTER ROLE CURRENT_USER SET synchronous_commit = 'local'");
  const { writer, head } = await openWriter();
  {
    using _ = freezeStandby();
    const outcome = writer.record(head, batchOf([ballotOf(contest, "voter")]));
    expect(await settlesSoon(outcome)).toBe(false);
    ignoreFailure(outcome);
  }
  await admin.command("ALTER ROLE CURRENT_USER RESET synchronous_commit");
});
