/** The tailer on a real ledger. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { tallyToJson } from "../../src/election/tally.ts";
import { GENESIS_HASH } from "../../src/ledger/block.ts";
import { PostgresBlockSource } from "../../src/postgres/blocks.ts";
import { Session } from "../../src/postgres/session.ts";
import { SessionPool } from "../../src/postgres/session-pool.ts";
import { PostgresStreamWriter } from "../../src/postgres/stream-writer.ts";
import type { Ballot } from "../../src/recording/ledger.ts";
import { Figures } from "../../src/results/figures.ts";
import { Tailer } from "../../src/results/tailer.ts";
import { BufferedLedgers } from "../support/buffered-ledgers.ts";
import { eventually } from "../support/eventually.ts";
import { ballotOfKey, batchOf } from "../support/record.ts";
import { freshDatabase, TEST_SESSION } from "../support/shared-cluster.ts";
import { startTestGateway } from "../support/test-gateway.ts";
import { FIRST, SECOND, votes } from "./support.ts";

const never = new AbortController().signal;

let opened: AsyncDisposableStack;
let connectionString: string;
let session: Session;

beforeAll(async () => {
  opened = new AsyncDisposableStack();
  connectionString = await freshDatabase();
  session = opened.use(await Session.openPrimary(connectionString, TEST_SESSION));
});

afterAll(() => opened.disposeAsync());

function openTailer(database: string, { timeoutMs = 5_000, blocksMax = 1_000 } = {}) {
  const applicationName = `urna tailer ${randomUUID()}`;
  const pool = opened.use(
    new SessionPool({
      ...TEST_SESSION,
      // Longer than any test: what gives up in time must be the reader.
      lockTimeoutMs: 60_000,
      applicationName,
      connectionString: database,
      sessionsMax: 1,
      waitingMax: 1,
    }),
  );
  const source = new PostgresBlockSource(pool, timeoutMs);
  const log = { warn: () => undefined };
  const options = { pollMs: 5, retryMsMax: 50, blocksMax, now: Date.now, log: log as never };
  return { source, tailer: new Tailer(source, options), applicationName };
}

async function insertStream(): Promise<number> {
  const [row] = await session.query<{ stream_id: number }>(
    { text: "INSERT INTO streams (writer, head_hash) VALUES ('test', $1) RETURNING stream_id" },
    [GENESIS_HASH],
  );
  return row!.stream_id;
}

/** Appends blocks as a lane does: the block and the stream's new head in one transaction. */
async function append(streamId: number, ...tallies: ReturnType<typeof votes>[]): Promise<void> {
  for (const tally of tallies) {
    const hash = createHash("sha256").update(randomBytes(16)).digest();
    await session.command("BEGIN");
    await session.query(
      {
        text: `
          INSERT INTO blocks (stream_id, seq, batch_id, recorded_at, overridden, tally, places, leaves, prev_hash, hash)
          SELECT stream_id, next_seq, gen_random_uuid(), now(), false, $2, '', '', head_hash, $3
          FROM streams WHERE stream_id = $1`,
      },
      [streamId, JSON.stringify(tallyToJson(tally)), hash],
    );
    await session.query(
      { text: "UPDATE streams SET next_seq = next_seq + 1, head_hash = $2 WHERE stream_id = $1" },
      [streamId, hash],
    );
    await session.command("COMMIT");
  }
}

/** What a failover to a standby without a stream's last blocks looks like. */
async function rollBack(streamId: number, blocks: number): Promise<void> {
  await session.command("BEGIN");
  await session.query(
    {
      text: `
        UPDATE streams SET next_seq = next_seq - $2, head_hash = blocks.hash FROM blocks
        WHERE streams.stream_id = $1 AND blocks.stream_id = $1 AND blocks.seq = next_seq - $2 - 1`,
    },
    [streamId, blocks],
  );
  await session.query(
    {
      text: `
        DELETE FROM blocks USING streams
        WHERE streams.stream_id = $1 AND blocks.stream_id = $1 AND blocks.seq >= streams.next_seq`,
    },
    [streamId],
  );
  await session.command("COMMIT");
}

test("blocks of several streams and contests, in bounded reads, and a stream that goes back", async () => {
  const { tailer } = openTailer(connectionString, { blocksMax: 3 });
  const [one, other, empty] = [await insertStream(), await insertStream(), await insertStream()];
  await append(one, votes({ 1: 2, 0: 1 }), votes({ 2: 5 }, SECOND), votes({ 1: 3 }), votes({ 3: 4 }));
  await append(other, votes({ 1: 10 }), votes({ 0: 20 }));
  await tailer.poll(never);
  expect(tailer.tally.counts.get(FIRST)).toEqual(
    new Map([
      [0, 21],
      [1, 15],
      [3, 4],
    ]),
  );
  expect(tailer.tally.counts.get(SECOND)).toEqual(new Map([[2, 5]]));
  expect(tailer.tally.turnoutSeries(FIRST, Date.now() + 2_000).turnout.at(-1)).toBe(40);

  await append(empty, votes({ 1: 1 }));
  await rollBack(one, 2);
  await append(one, votes({ 3: 100 }), votes({ 3: 100 }), votes({ 3: 100 }));
  await expect(tailer.poll(never)).rejects.toMatchObject({ code: "ledger_rewound" });
  await tailer.poll(never);
  expect(tailer.tally.counts.get(FIRST)).toEqual(
    new Map([
      [0, 21],
      [1, 13],
      [3, 300],
    ]),
  );
});

test("a ledger that does not answer is given up in time, and read again when it does", async () => {
  const { source } = openTailer(connectionString, { timeoutMs: 200 });
  await source.heads();
  await using holder = await Session.openPrimary(connectionString, TEST_SESSION);
  await holder.command("BEGIN");
  await holder.command("LOCK TABLE streams IN ACCESS EXCLUSIVE MODE");
  await expect(source.heads()).rejects.toMatchObject({ code: "ledger_unavailable" });
  await holder.command("ROLLBACK");
  expect((await source.heads()).length).toBeGreaterThan(0);
});

test("a connection that is cut is replaced", async () => {
  const { tailer, applicationName } = openTailer(connectionString);
  await tailer.poll(never);
  await session.query(
    { text: "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = $1" },
    [applicationName],
  );
  const stream = await insertStream();
  await append(stream, votes({ 1: 1 }));
  await tailer.poll(never).catch(() => tailer.poll(never));
  expect(tailer.rebuilds).toBe(0);
});

test("what lanes record is followed while they record it", async () => {
  await using gateway = await startTestGateway();
  const contest = await gateway.contest({ allowBlank: true });
  const { tailer } = openTailer(gateway.databaseUrl);
  const end = new AbortController();
  const running = tailer.run(end.signal);
  const ballotsOf = (first: number, ballots: number): Ballot[] =>
    Array.from({ length: ballots }, (_, i) => {
      const selections = (first + i) % 10 === 0 ? [] : [1 + ((first + i) % 3)];
      return ballotOfKey(contest, (first + i).toString(16).padStart(32, "0"), selections);
    });
  const writeAll = async (firstBallot: number) => {
    await using writer = new PostgresStreamWriter({
      ...TEST_SESSION,
      connectionString: gateway.databaseUrl,
      writer: "test",
      attemptTimeoutMs: 10_000,
      gateFaults: () => [],
      overrideGate: false,
    });
    await writer.connect();
    let head = await writer.openStream();
    for (let batch = 0; batch < 20; batch++) {
      // Half of each batch is the other writer's too: whoever comes second does not count it again.
      const outcome = await writer.record(head, batchOf(ballotsOf(firstBallot + batch * 50, 100)));
      if (outcome.outcome !== "recorded") throw new Error(`the batch is ${outcome.outcome}`);
      head = outcome.head;
    }
  };
  await Promise.all([writeAll(0), writeAll(25)]);
  await eventually("all is counted", () => tailer.tally.turnoutOf(contest.uuid) === 1_075);
  const { ballots } = await gateway.ledger.store.tallies(contest);
  expect(tailer.tally.counts.get(contest.uuid)).toEqual(ballots);
  expect([tailer.rebuilds, tailer.failures]).toEqual([0, 0]);
  end.abort();
  await running;
});

test("what is drained into two ledgers is summed, each contest over its own", async () => {
  await using ledgers = await BufferedLedgers.open([0, 1]);
  const [both, other] = [await ledgers.contest(), await ledgers.contest()];
  for (const partition of [0, 1, 2, 3]) {
    const first = ledgers.ballot(both, partition, 1, { selections: [1 + (partition % 3)] });
    ledgers.append(partition, first, ledgers.ballot(both, partition, 2, { selections: [3] }), first);
    ledgers.append(partition, Buffer.from("no record"));
  }
  ledgers.append(1, ledgers.ballot(other, 1, 1));
  await ledgers.drain(2);
  const tailers = ledgers.ledgers.map(
    ({ number, connectionString }) => [number, openTailer(connectionString).tailer] as const,
  );
  for (const [, tailer] of tailers) await tailer.poll(never);
  const figures = new Figures(new Map(tailers));
  expect([...figures.tallyOf(both)!].sort()).toEqual([
    [1, 2],
    [2, 1],
    [3, 5],
  ]);
  expect(figures.tallyOf(other)).toEqual(new Map([[1, 1]]));
  expect(figures.turnoutSeries(both, Date.now() + 2_000).turnout.at(-1)).toBe(8);
});
