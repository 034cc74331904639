import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { judgeAll } from "../../src/buffering/block-maker.ts";
import type { DrainedBlock, DrainLedger } from "../../src/buffering/drain.ts";
import { LogMismatchError, PartitionDrain, StreamTakenError } from "../../src/buffering/partition-drain.ts";
import type { BallotRecord } from "../../src/buffering/record.ts";
import { partitionOf } from "../../src/election/buffering.ts";
import type { Contest } from "../../src/election/contest.ts";
import type { Election } from "../../src/election/election.ts";
import { decodeExceptions } from "../../src/ledger/exceptions.ts";
import { PostgresBallotLedger } from "../../src/postgres/ballot-ledger.ts";
import type { PostgresContestStore } from "../../src/postgres/contest-store.ts";
import { PostgresDrainLedger } from "../../src/postgres/drain-ledger.ts";
import type { SessionPool } from "../../src/postgres/session-pool.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { eventually } from "../support/eventually.ts";
import { createContest, electionOf, openStore } from "../support/record.ts";
import { freshDatabase } from "../support/shared-cluster.ts";
import { MemoryLog } from "./memory-log.ts";

const BUFFERING = { partitions: 4, ledgers: [0], topicId: null };
const CLOSES_AT_MS = Date.now() + 3_600_000;

const opened = new AsyncDisposableStack();
let store: PostgresContestStore;
let pool: SessionPool;
let election: Election;
let contest: Contest;

beforeAll(async () => {
  ({ store, pool } = await openStore(opened, await freshDatabase()));
  election = electionOf(BUFFERING);
  contest = await createContest(store, { closesAtMs: CLOSES_AT_MS }, election);
  const ledger = new PostgresBallotLedger(0, pool, 10_000);
  await ledger.addElection(election, [0, 1, 2, 3]);
  await ledger.addContest(contest);
});
afterAll(() => opened.disposeAsync());

/** A ballot of the n-th voter of that partition. */
function ballot(partition: number, number: number, changes: Partial<BallotRecord> = {}): BallotRecord {
  for (let i = 0; ; i++) {
    const voterKey = createHash("md5").update(`${partition} ${number} ${i}`).digest("hex");
    if (partitionOf(voterKey, BUFFERING) !== partition) continue;
    const nonce = randomBytes(16).toString("base64url");
    const acceptedAtMs = Date.now();
    const { uuid: contestUuid } = contest;
    return { kind: "ballot", contestUuid, voterKey, nonce, selections: [1], acceptedAtMs, ...changes };
  }
}

const barrier = () => ({ kind: "barrier", contestUuid: contest.uuid, closesAtMs: CLOSES_AT_MS }) as const;

function postgresLedger(): DrainLedger {
  const options = { writer: "test", timeoutMs: 10_000, gateFaults: () => [], overrideGate: false };
  return new PostgresDrainLedger(pool, options);
}

function drainOf(log: MemoryLog, partition: number, recordsMax = 1_000, ledger = postgresLedger()) {
  const state = { drained: 0, retries: [] as Error[] };
  const contests = {
    get: () => contest,
    fresh: async (uuid: string) => (await store.findContests([uuid]))[0] ?? null,
  };
  const drain = new PartitionDrain(log, ledger, contests, {
    key: { electionUuid: election.uuid, partition },
    topic: { name: "topic", id: log.id },
    ...{
      recordsMax,
      bytesMax: 1_000_000,
      waitMs: 20,
      gatherMs: 0,
      retryPauseMs: 5,
      retryPauseMsMax: 20,
      clock: systemClock,
    },
    onBlock: () => undefined,
    onRetry: (error) => state.retries.push(error),
    onDrained: (nextOffset) => {
      state.drained = nextOffset;
    },
  });
  return { drain, state };
}

/** Drains until everything that the log has is in the ledger. */
async function drainAll(log: MemoryLog, partition: number, recordsMax?: number): Promise<void> {
  const { drain, state } = drainOf(log, partition, recordsMax);
  const end = new AbortController();
  const running = drain.run(end.signal);
  running.catch(() => undefined);
  await eventually("all is drained", async () => state.drained === log.next);
  end.abort();
  await running;
}

async function blocksOf(partition: number) {
  return pool.use((session) =>
    session.query<{
      seq: number;
      first_offset: number;
      next_offset: number;
      exceptions: Buffer;
      ballots: number;
    }>(
      {
        text: `
          SELECT seq, first_offset, blocks.next_offset, exceptions, length(leaves) / 32 AS ballots
          FROM blocks JOIN streams USING (stream_id) WHERE election_uuid = $1 AND partition = $2 ORDER BY seq`,
      },
      [election.uuid, partition],
    ),
  );
}

test("every record becomes a ballot or an exception that says why not, once, however often it is restarted", async () => {
  const log = new MemoryLog();
  const first = ballot(0, 1);
  log.add(first, ballot(0, 2), Buffer.from("no record at all"), ballot(1, 1), first, ballot(0, 2));
  log.add(ballot(0, 3, { selections: [9] }), ballot(0, 4, { acceptedAtMs: CLOSES_AT_MS }));
  await drainAll(log, 0, 3);
  log.add(barrier(), ballot(0, 5), ballot(0, 1), barrier(), null);
  await drainAll(log, 0, 2);

  const blocks = await blocksOf(0);
  expect(blocks.map((block) => [block.first_offset, block.next_offset])).toEqual([
    ...[0, 3, 6, 8, 10].map((from, i) => [from, [3, 6, 8, 10, 12][i]!]),
    [12, 13],
  ]);
  expect(blocks.reduce((sum, { ballots }) => sum + ballots, 0)).toBe(2);
  const reasons = blocks.flatMap(({ first_offset, exceptions }) =>
    decodeExceptions(exceptions)!.map(({ index, reason, of }) => [
      first_offset + index,
      reason,
      of?.seq ?? null,
    ]),
  );
  expect(reasons).toEqual([
    [2, "quarantined", null],
    [3, "quarantined", null],
    [4, "duplicate", 1],
    [5, "duplicate", 1],
    [6, "quarantined", null],
    [7, "not_open", null],
    [8, "barrier", null],
    [9, "behind_barrier", null],
    [10, "duplicate", 1],
    [11, "barrier", null],
    [12, "quarantined", null],
  ]);
  const quarantined = await pool.use((session) =>
    session.query<{ source_offset: number; record: Buffer | null }>({
      text: "SELECT source_offset, record FROM quarantine ORDER BY source_offset",
    }),
  );
  expect(quarantined.map(({ source_offset }) => source_offset)).toEqual([2, 3, 6, 12]);
  expect(quarantined[0]!.record).toEqual(Buffer.from("no record at all"));
  expect(await new PostgresBallotLedger(0, pool, 10_000).partitionsPassed(contest)).toEqual(new Set([0]));
});

test("whoever held the partition before records nothing any more", async () => {
  const log = new MemoryLog();
  const { drain, state } = drainOf(log, 1);
  const running = drain.run(new AbortController().signal);
  running.catch(() => undefined);
  log.add(ballot(1, 1));
  await eventually("the first one drains", async () => state.drained === 1);

  const other = drainOf(log, 1);
  const end = new AbortController();
  const taking = other.drain.run(end.signal);
  await eventually("the other one has it", async () => {
    const [row] = await pool.use((session) =>
      session.query<{ epoch: number }>(
        { text: "SELECT epoch FROM streams WHERE election_uuid = $1 AND partition = 1" },
        [election.uuid],
      ),
    );
    return row!.epoch === 3;
  });
  log.add(ballot(1, 2));
  expect(await running.catch((error) => error)).toBeInstanceOf(StreamTakenError);
  await eventually("the other one drains", async () => other.state.drained === 2);
  end.abort();
  await taking;
  expect((await blocksOf(1)).map(({ ballots }) => ballots)).toEqual([1, 1]);
});

test("a log that is not the one that was drained stops the partition, and nothing is recorded from it", async () => {
  const log = new MemoryLog();
  log.add(ballot(2, 1), ballot(2, 2));
  await drainAll(log, 2);
  const blocks = await blocksOf(2);
  const stops = async (change: (log: MemoryLog) => void, topicId = log.id) => {
    const changed = new MemoryLog();
    changed.id = topicId;
    changed.records = [...log.records];
    change(changed);
    const { drain } = drainOf(changed, 2);
    return drain.run(AbortSignal.timeout(5_000)).catch((error) => error);
  };
  const cutOff = await stops((each) => void each.records.pop());
  const grownAgain = await stops((each) => {
    each.records.pop();
    each.add(ballot(2, 3), ballot(2, 4));
  });
  const lost = await stops((each) => {
    each.earliest = 5;
    each.records = [];
  });
  const gap = await stops((each) => {
    each.records.push({ offset: 3, key: null, value: Buffer.alloc(0) });
  });
  for (const error of [cutOff, grownAgain, lost, gap]) expect(error).toBeInstanceOf(LogMismatchError);
  const madeAnew = drainOf(log, 2);
  log.id = "another";
  expect(await madeAnew.drain.run(AbortSignal.timeout(5_000)).catch((error) => error)).toBeInstanceOf(
    LogMismatchError,
  );
  expect(await blocksOf(2)).toEqual(blocks);
});

test("a log that did not answer is looked at again, since it may be another one when it does", async () => {
  const log = new MemoryLog();
  log.add(ballot(3, 1));
  const { drain, state } = drainOf(log, 3);
  const running = drain.run(AbortSignal.timeout(10_000)).catch((error) => error);
  await eventually("the first one drains", async () => state.drained === 1);
  log.failure = new Error("not the leader any more");
  await eventually("it is tried again", async () => state.retries.length > 1);
  log.records.pop();
  log.add(ballot(3, 2), ballot(3, 3));
  log.failure = null;
  expect(await running).toBeInstanceOf(LogMismatchError);
  expect((await blocksOf(3)).map(({ next_offset }) => next_offset)).toEqual([1]);
});

test("a block whose outcome is unknown is submitted again as it was, at its place, until it is known", async () => {
  const log = new MemoryLog();
  log.add(ballot(0, 7), ballot(0, 8));
  const submitted: DrainedBlock[] = [];
  const end = new AbortController();
  const head = { streamId: 1, epoch: 1, nextSeq: 1, hash: Buffer.alloc(32), nextOffset: 0, lastRecord: null };
  const ledger: DrainLedger = {
    claim: async () => ({ ...head, passed: new Set() }),
    places: async () => new Map(),
    record: async (at, block) => {
      expect(at.nextSeq).toBe(1);
      submitted.push(block);
      if (submitted.length === 4) end.abort();
      const outcome = (["unknown", "not_recorded", "unknown", "unknown"] as const)[submitted.length - 1]!;
      return { outcome, error: new Error("no answer") };
    },
  };
  await drainOf(log, 0, 1_000, ledger).drain.run(end.signal);
  expect(submitted).toHaveLength(4);
  expect(new Set(submitted).size).toBe(1);
});

test("thousands of contests that there are not are looked up a few at a time, and are in quarantine", async () => {
  const log = new MemoryLog();
  const strange = Array.from({ length: 1_500 }, () => ballot(3, 9, { contestUuid: randomUUID() }));
  log.add(...strange);
  let [asking, most] = [0, 0];
  const fresh = async () => {
    most = Math.max(most, ++asking);
    await systemClock.nextTurn();
    asking--;
    return null;
  };
  const key = { electionUuid: election.uuid, partition: 3 };
  const judged = await judgeAll(log.records, key, { get: () => undefined, fresh });
  expect(new Set(judged.map(({ is }) => is))).toEqual(new Set(["quarantined"]));
  expect(most).toBeLessThanOrEqual(10);
});
