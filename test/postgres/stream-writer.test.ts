import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Contest } from "../../src/election/contest.ts";
import { countBallot, type Tally } from "../../src/election/tally.ts";
import { blockHash } from "../../src/ledger/block.ts";
import { allPlaces, placesOf } from "../../src/ledger/places.ts";
import type { PostgresContestStore } from "../../src/postgres/contest-store.ts";
import {
  isRepeat,
  type RecordBatchOptions,
  recordAmongRepeats,
  recordPlainly,
} from "../../src/postgres/record-batch.ts";
import { Session } from "../../src/postgres/session.ts";
import type { SessionPool } from "../../src/postgres/session-pool.ts";
import type { PostgresStreamWriter } from "../../src/postgres/stream-writer.ts";
import type { Ballot, Batch, RecordOutcome, StreamHead } from "../../src/recording/ledger.ts";
import { eventually } from "../support/eventually.ts";
import { ballotOf, batchOf, countRows, createContest, openStore, streamWriter } from "../support/record.ts";
import { freshDatabase, TEST_SESSION } from "../support/shared-cluster.ts";

const opened = new AsyncDisposableStack();
let database: string;
let store: PostgresContestStore;
let pool: SessionPool;
let contest: Contest;

beforeAll(async () => {
  database = await freshDatabase();
  ({ store, pool } = await openStore(opened, database));
  contest = await createContest(store);
});
afterAll(() => opened.disposeAsync());

async function openWriter() {
  const writer = opened.use(streamWriter(database));
  await writer.connect();
  return { writer, head: await writer.openStream() };
}

function recorded(outcome: RecordOutcome) {
  if (outcome.outcome !== "recorded") throw new Error(`not recorded: ${JSON.stringify(outcome)}`);
  return outcome;
}

/** All of the batch. */
function recordAllPlainly(session: Session, head: StreamHead, batch: Batch, options: RecordBatchOptions) {
  const places = allPlaces(batch.ballots.length);
  return recordPlainly(session, head, batch, { ...options, places });
}

/** What a session's settings are judged to be. */
async function settled(session: Session, head: StreamHead): Promise<RecordBatchOptions> {
  const unknown = { expectedSettings: "", overridden: false };
  const { settings } = await recordAmongRepeats(session, head, batchOf([]), unknown);
  return { ...unknown, expectedSettings: settings };
}

const rows = (table: "ballots" | "blocks") => pool.use((session) => countRows(session, table));

test("two writers with overlapping batches, twenty times: no deadlock, and a voter has one ballot", async () => {
  const [one, two] = [await openWriter(), await openWriter()];
  for (let round = 0; round < 20; round++) {
    const voters = Array.from({ length: 200 }, (_, i) => `race-${round}-${i}`);
    const batches = [voters, voters.toReversed()].map((order, i) =>
      batchOf(order.map((voter) => ballotOf(contest, voter, [i + 1]))),
    );
    const outcomes = await Promise.all([
      one.writer.record(one.head, batches[0]!),
      two.writer.record(two.head, batches[1]!),
    ]);
    const [a, b] = outcomes.map(recorded);
    const text = (outcome: typeof a) => outcome!.ballots.map((row) => JSON.stringify(row)).sort();
    // Both writers were told of the very same rows, whoever recorded them.
    expect(text(a)).toEqual(text(b));
    [one.head, two.head] = [a!.head, b!.head];
  }
});

test("a batch submitted again at its place is recorded once, and answers the same rows", async () => {
  const { writer, head } = await openWriter();
  const batch = batchOf(["again-1", "again-2"].map((voter) => ballotOf(contest, voter)));
  const first = recorded(await writer.record(head, batch));
  const [ballots, blocks] = [await rows("ballots"), await rows("blocks")];
  const second = recorded(await writer.record(head, batch));
  const byVoter = (outcome: typeof first) =>
    outcome.ballots.toSorted((a, b) => a.voterKey.localeCompare(b.voterKey));
  expect(byVoter(second)).toEqual(byVoter(first));
  expect(second.head).toEqual(first.head);
  expect([await rows("ballots"), await rows("blocks")]).toEqual([ballots, blocks]);
});

test("a missed compare-and-swap writes nothing: the epoch has moved", async () => {
  const { writer, head } = await openWriter();
  await pool.use((session) =>
    session.query({ text: "UPDATE streams SET epoch = epoch + 1 WHERE stream_id = $1" }, [head.streamId]),
  );
  const [ballots, blocks] = [await rows("ballots"), await rows("blocks")];
  const outcome = await writer.record(head, batchOf([ballotOf(contest, "fenced")]));
  expect(outcome.outcome).toBe("fenced");
  expect([await rows("ballots"), await rows("blocks")]).toEqual([ballots, blocks]);
});

test("a place that another writer's batch took is fenced, not recorded", async () => {
  const { writer, head } = await openWriter();
  const zombie = opened.use(streamWriter(database));
  await zombie.connect();
  recorded(await zombie.record(head, batchOf([ballotOf(contest, "zombie")])));
  const outcome = await writer.record(head, batchOf([ballotOf(contest, "latecomer")]));
  expect(outcome.outcome).toBe("fenced");
});

test("a sealed contest is named, and the batch wrote nothing", async () => {
  const sealed = await createContest(store);
  const { writer, head } = await openWriter();
  await store.seal(sealed, Date.now());
  const [ballots, blocks] = [await rows("ballots"), await rows("blocks")];
  const batch = batchOf([ballotOf(contest, "beside-sealed"), ballotOf(sealed, "too-late")]);
  expect(await writer.record(head, batch)).toEqual({ outcome: "sealed", contestLedgerId: sealed.ledgerId });
  expect([await rows("ballots"), await rows("blocks")]).toEqual([ballots, blocks]);
});

test("a statement that waited for the seal with an older snapshot is refused by it", async () => {
  const closing = await createContest(store);
  const { writer, head } = await openWriter();
  await using sealer = await Session.openPrimary(database, TEST_SESSION);
  await sealer.command("BEGIN");
  await sealer.command(`LOCK TABLE ONLY ballots_${closing.ledgerId} IN ACCESS EXCLUSIVE MODE`);
  const waiting = writer.record(head, batchOf([ballotOf(closing, "waits")]));
  await sealer.command(
    `ALTER TABLE ballots_${closing.ledgerId} ADD CONSTRAINT sealed CHECK (false) NOT VALID`,
  );
  await sealer.command("COMMIT");
  expect((await waiting).outcome).toBe("sealed");
});

test("waiting for another transaction's lock ends before a commit, and is known not to be one", async () => {
  const { writer, head } = await openWriter();
  await using blocker = await Session.openPrimary(database, TEST_SESSION);
  await blocker.command("BEGIN");
  await blocker.query({ text: "SELECT FROM streams WHERE stream_id = $1 FOR UPDATE" }, [head.streamId]);
  const batch = batchOf([ballotOf(contest, "locked-out")]);
  expect((await writer.record(head, batch)).outcome).toBe("not_recorded");
  await blocker.command("ROLLBACK");
  await writer.connect();
  recorded(await writer.record(head, batch));
});

for (const [name, record] of Object.entries({ recordAllPlainly, recordAmongRepeats })) {
  test(`the statement itself fences: committed after a miss, it has written nothing, by ${name}`, async () => {
    const { head } = await openWriter();
    await using session = await Session.openPrimary(database, TEST_SESSION);
    const [ballots, blocks] = [await rows("ballots"), await rows("blocks")];
    const batch = batchOf([ballotOf(contest, `fence-${name}`)]);
    const { block, settings } = await record(session, head, batch, {
      expectedSettings: "",
      overridden: false,
    });
    expect(block).toBeNull();
    const expected = { expectedSettings: settings, overridden: false };
    const elsewhere = [
      { ...head, epoch: head.epoch + 1 },
      { ...head, nextSeq: head.nextSeq + 1 },
      { ...head, hash: Buffer.alloc(32, 1) },
    ];
    for (const moved of elsewhere) {
      expect(await record(session, moved, batch, expected)).toEqual({ block: null, settings });
    }
    expect([await rows("ballots"), await rows("blocks")]).toEqual([ballots, blocks]);
  });
}

test("a repeat fails what is recorded plainly whole, and is known for one", async () => {
  const { writer, head } = await openWriter();
  const { head: next } = recorded(await writer.record(head, batchOf([ballotOf(contest, "repeated")])));
  await using session = await Session.openPrimary(database, TEST_SESSION);
  const [ballots, blocks] = [await rows("ballots"), await rows("blocks")];
  const batch = batchOf([ballotOf(contest, "beside-repeated"), ballotOf(contest, "repeated")]);
  const { settings } = await recordAllPlainly(session, next, batch, {
    expectedSettings: "",
    overridden: false,
  });
  const expected = { expectedSettings: settings, overridden: false };
  const error = await recordAllPlainly(session, next, batch, expected).catch((reason: Error) => reason);
  expect(isRepeat(error as Error)).toBe(true);
  expect([await rows("ballots"), await rows("blocks")]).toEqual([ballots, blocks]);
});

test.each([
  ["all new", []],
  ["some of whose voters have one", [0, 5, 8, 12]],
  ["whose voters all have one", [...Array(13).keys()]],
])("both statements write the same block and the same rows of ballots %s", async (name, repeated) => {
  const { writer, head } = await openWriter();
  await using session = await Session.openPrimary(database, TEST_SESSION);
  const ballots = Array.from({ length: 13 }, (_, i) => ballotOf(contest, `both-${name}-${i}`, [1 + (i % 3)]));
  const earlier = batchOf([...repeated.map((i) => ballots[i]!), ballotOf(contest, `both-${name}`)]);
  const { head: next } = recorded(await writer.record(head, earlier));
  const batch = batchOf(ballots);
  const isNew = (index: number) => !repeated.includes(index);
  const places = placesOf([...ballots.keys()].filter(isNew), ballots.length);
  const options = await settled(session, next);
  const written = [];
  for (const record of [
    () => recordPlainly(session, next, batch, { ...options, places }),
    () => recordAmongRepeats(session, next, batch, options),
  ]) {
    await session.command("BEGIN");
    const { block } = await record();
    written.push({ block, ...(await writtenAt(session, next)) });
    await session.command("ROLLBACK");
  }
  expect(written[0]).toMatchObject({ blocks: [{ seq: next.nextSeq }] });
  expect(written[0]!.ballots.length).toBe(ballots.length - repeated.length);
  expect(written[0]).toEqual(written[1]!);
});

/** What a place of a stream has. */
async function writtenAt(session: Session, { streamId, nextSeq }: StreamHead) {
  const block = "SELECT * FROM blocks WHERE stream_id = $1 AND seq = $2";
  const ballots = "SELECT * FROM ballots WHERE block_id = ($1::int8 << 32) | $2 ORDER BY index";
  return {
    blocks: await session.query({ text: block }, [streamId, nextSeq]),
    ballots: await session.query({ text: ballots }, [streamId, nextSeq]),
  };
}

/** Another writer records the voter while this one waits with its own batch: what it was told, and what it waited with. */
async function race(voter: string, writer: PostgresStreamWriter, head: StreamHead) {
  const other = await openWriter();
  await using session = await Session.openPrimary(database, TEST_SESSION);
  const options = await settled(session, other.head);
  await session.command("BEGIN");
  await recordAllPlainly(session, other.head, batchOf([ballotOf(contest, voter, [1])]), options);
  const ours = batchOf([ballotOf(contest, voter, [2]), ballotOf(contest, `${voter}-new`, [2])]);
  const recording = writer.record(head, ours);
  const waiting = {
    text: "SELECT query FROM pg_stat_activity WHERE wait_event = 'transactionid' AND datname = current_database()",
  };
  const query = await eventually("it waits for the other one", async () => {
    const [row] = await pool.use((any) => any.query<{ query: string }>(waiting));
    return row?.query;
  });
  await session.command("COMMIT");
  return { query, ...recorded(await recording), theirs: other.head };
}

test("a ballot that another writer records between the look-up and the statement is a repeat like any other", async () => {
  const { writer, head } = await openWriter();
  const repeated = [ballotOf(contest, "between-before")];
  const first = recorded(await writer.record(head, batchOf(repeated)));
  // Repeats are looked up from now on.
  const second = recorded(await writer.record(first.head, batchOf(repeated)));
  const third = await race("between", writer, second.head);
  expect(third.query).not.toContain("offered AS");
  // And for a while after that nothing is written in vain.
  const fourth = await race("between-again", writer, third.head);
  expect(fourth.query).toContain("offered AS");
  for (const { ballots, theirs } of [third, fourth]) {
    expect(ballots.map(({ selections, streamId }) => [selections, streamId])).toEqual([
      [[1], theirs.streamId],
      [[2], head.streamId],
    ]);
  }
});

test("a voter who is recorded meets no seal once repeats are looked up, and others do", async () => {
  const sealed = await createContest(store);
  const { writer, head } = await openWriter();
  const batch = batchOf([ballotOf(sealed, "before-the-seal"), ballotOf(contest, "of-another-contest")]);
  const first = recorded(await writer.record(head, batch));
  const second = recorded(await writer.record(first.head, batchOf(batch.ballots)));
  await store.seal(sealed, Date.now());
  const third = recorded(await writer.record(second.head, batchOf(batch.ballots)));
  expect(third.ballots).toEqual(first.ballots);
  const late = batchOf([...batch.ballots, ballotOf(sealed, "after-the-seal")]);
  expect(await writer.record(third.head, late)).toEqual({
    outcome: "sealed",
    contestLedgerId: sealed.ledgerId,
  });
});

test("the block that the statement writes is the one that ledger/block.ts describes", async () => {
  const other = await createContest(store);
  const { writer, head } = await openWriter();
  const ballots = Array.from({ length: 21 }, (_, i) => {
    const selections = i % 5 === 0 ? [] : [1 + (i % 3)];
    return ballotOf(i % 4 === 0 ? other : contest, `content-${i}`, selections);
  });
  const earlier = batchOf(ballots.filter((_, i) => i % 7 === 3));
  const first = recorded(await writer.record(head, earlier));
  const batch = batchOf(ballots);
  const { head: last } = recorded(await writer.record(first.head, batch));
  const isNew = (ballot: Ballot) => !earlier.ballots.includes(ballot);
  const tally: Tally = new Map();
  for (const { contestUuid, selections } of ballots.filter(isNew))
    countBallot(tally, contestUuid, selections);
  const content = {
    streamId: head.streamId,
    seq: first.head.nextSeq,
    batchId: batch.batchId,
    recordedAtMs: batch.recordedAtMs,
    overridden: false,
    tally,
    places: placesOf(
      ballots.flatMap((ballot, index) => (isNew(ballot) ? [index] : [])),
      ballots.length,
    ),
    leaves: Buffer.concat(ballots.filter(isNew).map(({ leaf }) => Buffer.from(leaf, "base64url"))),
    prevHash: first.head.hash,
    source: null,
  };
  expect(last.hash.toString("hex")).toBe(blockHash(content).toString("hex"));
});
