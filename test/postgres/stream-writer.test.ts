import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Contest } from "../../src/election/contest.ts";
import { countBallot, type Tally } from "../../src/election/tally.ts";
import { blockHash } from "../../src/ledger/block.ts";
import { placesOf } from "../../src/ledger/places.ts";
import type { PostgresContestStore } from "../../src/postgres/contest-store.ts";
import { isRepeat, recordAmongRepeats, recordPlainly } from "../../src/postgres/record-batch.ts";
import { Session } from "../../src/postgres/session.ts";
import type { SessionPool } from "../../src/postgres/session-pool.ts";
import type { Ballot, RecordOutcome } from "../../src/recording/ledger.ts";
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

for (const [name, record] of Object.entries({ recordPlainly, recordAmongRepeats })) {
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
  const { settings } = await recordPlainly(session, next, batch, { expectedSettings: "", overridden: false });
  const expected = { expectedSettings: settings, overridden: false };
  const error = await recordPlainly(session, next, batch, expected).catch((reason: Error) => reason);
  expect(isRepeat(error as Error)).toBe(true);
  expect([await rows("ballots"), await rows("blocks")]).toEqual([ballots, blocks]);
});

test("both statements write the same block of ballots that are all new", async () => {
  const { head } = await openWriter();
  await using session = await Session.openPrimary(database, TEST_SESSION);
  const batch = batchOf(Array.from({ length: 13 }, (_, i) => ballotOf(contest, `both-${i}`, [1 + (i % 3)])));
  const { settings } = await recordPlainly(session, head, batch, { expectedSettings: "", overridden: false });
  const blocks = [];
  for (const record of [recordPlainly, recordAmongRepeats]) {
    await session.command("BEGIN");
    const { block } = await record(session, head, batch, { expectedSettings: settings, overridden: false });
    const [row] = await session.query({ text: "SELECT * FROM blocks WHERE stream_id = $1 AND seq = $2" }, [
      head.streamId,
      head.nextSeq,
    ]);
    blocks.push({ block, row });
    await session.command("ROLLBACK");
  }
  expect(blocks[0]!.row).toBeDefined();
  expect(blocks[0]).toEqual(blocks[1]!);
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
