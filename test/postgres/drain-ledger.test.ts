/** A partition's stream in PostgreSQL: who may append to it, what decides that a block is recorded, and what is never told. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { randomBytes, randomUUID } from "node:crypto";
import { judgeAll, makeBlock } from "../../src/buffering/block-maker.ts";
import type { DrainedBlock, DrainHead } from "../../src/buffering/drain.ts";
import { encodeRecord } from "../../src/buffering/record.ts";
import type { Contest } from "../../src/election/contest.ts";
import type { Election } from "../../src/election/election.ts";
import { type EmbeddedCluster, startEmbeddedCluster } from "../../src/embedded/cluster.ts";
import { PostgresBallotLedger } from "../../src/postgres/ballot-ledger.ts";
import type { PostgresContestStore } from "../../src/postgres/contest-store.ts";
import { PostgresDrainLedger } from "../../src/postgres/drain-ledger.ts";
import { migrate } from "../../src/postgres/migrate.ts";
import { Session } from "../../src/postgres/session.ts";
import { SessionPool } from "../../src/postgres/session-pool.ts";
import type { DurabilityCheck } from "../../src/recording/durability.ts";
import { createLog } from "../../src/runtime/log.ts";
import { TestFolder } from "../embedded/support.ts";
import { eventually } from "../support/eventually.ts";
import { freeze } from "../support/frozen.ts";
import { countRows, createContest, electionOf, openStore } from "../support/record.ts";
import { TEST_SESSION } from "../support/shared-cluster.ts";

const opened = new AsyncDisposableStack();
let cluster: EmbeddedCluster;
let store: PostgresContestStore;
let pool: SessionPool;
let election: Election;
let contest: Contest;
let faults: DurabilityCheck[];

beforeAll(async () => {
  const folder = opened.use(new TestFolder());
  cluster = opened.use(await startEmbeddedCluster({ folder: folder.data, log: createLog("text", "error") }));
  await using session = await Session.openPrimary(cluster.connectionString, TEST_SESSION);
  await migrate(session, 30_000);
  ({ store, pool } = await openStore(opened, cluster.connectionString));
});
beforeEach(async () => {
  faults = [];
  election = electionOf({ partitions: 1, ledgers: [0], topicId: null });
  contest = await createContest(store, {}, election);
  await new PostgresBallotLedger(0, pool, 10_000).addElection(election, [0]);
});
afterAll(() => opened.disposeAsync());

function drainLedger(timeoutMs = 20_000, sessions = pool): PostgresDrainLedger {
  return new PostgresDrainLedger(sessions, {
    ...{ writer: "test", timeoutMs, overrideGate: false },
    gateFaults: () => faults,
  });
}

const claim = () => drainLedger().claim({ electionUuid: election.uuid, partition: 0 });

/** Of one new ballot, of that voter or a new one. */
async function blockAt(head: DrainHead, voterKey = randomBytes(16).toString("hex")): Promise<DrainedBlock> {
  const nonce = randomBytes(16).toString("base64url");
  const ballot = { contestUuid: contest.uuid, voterKey, nonce, selections: [1], acceptedAtMs: Date.now() };
  const record = { offset: head.nextOffset, key: null, value: encodeRecord({ kind: "ballot", ...ballot }) };
  const key = { electionUuid: election.uuid, partition: 0 };
  const judged = await judgeAll([record], key, { get: () => contest, fresh: async () => contest });
  return makeBlock(head, judged, new Map(), Date.now());
}

const ballots = () => pool.use((session) => countRows(session, "ballots"));

test("whoever held the stream before writes nothing, though nothing else has moved", async () => {
  const before = await ballots();
  const head = await claim();
  await claim();
  expect((await drainLedger().record(head, await blockAt(head))).outcome).toBe("fenced");
  expect(await ballots()).toBe(before);
});

test("a block that is submitted again is recorded once; another block at that place is not taken for it", async () => {
  const head = await claim();
  const block = await blockAt(head);
  const recorded = await drainLedger().record(head, block);
  expect(recorded.outcome).toBe("recorded");
  expect(await drainLedger().record(head, block)).toEqual(recorded);
  expect((await drainLedger().record(head, await blockAt(head))).outcome).toBe("fenced");
});

test("a voter's second ballot fails its whole block, whatever the recorder believed", async () => {
  const head = await claim();
  const voterKey = randomBytes(16).toString("hex");
  const recorded = await drainLedger().record(head, await blockAt(head, voterKey));
  if (recorded.outcome !== "recorded") throw recorded.error;
  const before = await ballots();
  const second = await drainLedger().record(recorded.head, await blockAt(recorded.head, voterKey));
  expect(second).toMatchObject({ outcome: "not_recorded", error: { code: "23505" } });
  expect(await ballots()).toBe(before);
  expect((await drainLedger().record(recorded.head, await blockAt(recorded.head))).outcome).toBe("recorded");
});

test("while the gate is shut nothing is sent", async () => {
  const head = await claim();
  faults = [{ check: "any", ok: false, found: "wrong", mend: "mend it" }];
  const refused = { outcome: "not_recorded", error: { code: "not_durable" } };
  expect(await drainLedger().record(head, await blockAt(head))).toMatchObject(refused);
});

test("under settings that could lose it nothing is recorded", async () => {
  const options = {
    ...TEST_SESSION,
    connectionString: cluster.connectionString,
    sessionsMax: 1,
    waitingMax: 1,
  };
  await using single = new SessionPool(options);
  await single.use((session) => session.query({ text: "SET synchronous_commit = local" }));
  const before = await ballots();
  const head = await claim();
  const refused = { outcome: "not_recorded", error: { code: "not_durable" } };
  expect(await drainLedger(20_000, single).record(head, await blockAt(head))).toMatchObject(refused);
  expect(await ballots()).toBe(before);
});

test("the phantom: a block that is visible and on no standby is not told to be recorded when it is submitted again", async () => {
  const head = await claim();
  const block = await blockAt(head);
  {
    using _ = freeze(cluster.nodes.standby.dataFolder);
    expect((await drainLedger(500).record(head, block)).outcome).toBe("unknown");
    const killed = cluster.nodes.primary.pid!;
    process.kill(killed, "SIGKILL");
    await eventually("the primary runs again", () => (cluster.nodes.primary.pid ?? killed) !== killed);
    await eventually("the block is visible", async () => {
      const rows = await pool.use((session) =>
        session.query({ text: "SELECT FROM blocks WHERE batch_id = $1" }, [block.batchId]),
      );
      return rows.length === 1;
    });
    expect((await drainLedger(500).record(head, block)).outcome).toBe("unknown");
  }
  await eventually("it is known when the standby is back", async () => {
    return (await drainLedger().record(head, block)).outcome === "recorded";
  });
});

test("a partition without a stream here is claimed by nobody", async () => {
  await expect(drainLedger().claim({ electionUuid: randomUUID(), partition: 0 })).rejects.toThrow(
    "no stream",
  );
});
