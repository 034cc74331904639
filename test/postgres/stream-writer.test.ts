import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Contest } from "../../src/election/contest.ts";
import { advanceAndInsert } from "../../src/postgres/ballots.ts";
import type { PostgresContestStore } from "../../src/postgres/contest-store.ts";
import { Session } from "../../src/postgres/session.ts";
import type { SessionPool } from "../../src/postgres/session-pool.ts";
import { makeBatch } from "../../src/recording/batch.ts";
import type { RecordOutcome } from "../../src/recording/ledger.ts";
import { ballotOf, countRows, createContest, openStore, streamWriter } from "../support/record.ts";
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
      makeBatch(
        order.map((voter) => ballotOf(contest, voter, [i + 1])),
        Date.now(),
      ),
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
  const batch = makeBatch(
    ["again-1", "again-2"].map((voter) => ballotOf(contest, voter)),
    Date.now(),
  );
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
  const outcome = await writer.record(head, makeBatch([ballotOf(contest, "fenced")], Date.now()));
  expect(outcome.outcome).toBe("fenced");
  expect([await rows("ballots"), await rows("blocks")]).toEqual([ballots, blocks]);
});

test("a place that another writer's batch took is fenced, not recorded", async () => {
  const { writer, head } = await openWriter();
  const zombie = opened.use(streamWriter(database));
  await zombie.connect();
  recorded(await zombie.record(head, makeBatch([ballotOf(contest, "zombie")], Date.now())));
  const outcome = await writer.record(head, makeBatch([ballotOf(contest, "latecomer")], Date.now()));
  expect(outcome.outcome).toBe("fenced");
});

test("a sealed contest is named, and the batch wrote nothing", async () => {
  const sealed = await createContest(store);
  const { writer, head } = await openWriter();
  await store.seal(sealed, Date.now());
  const [ballots, blocks] = [await rows("ballots"), await rows("blocks")];
  const batch = makeBatch([ballotOf(contest, "beside-sealed"), ballotOf(sealed, "too-late")], Date.now());
  expect(await writer.record(head, batch)).toEqual({ outcome: "sealed", contestLedgerId: sealed.ledgerId });
  expect([await rows("ballots"), await rows("blocks")]).toEqual([ballots, blocks]);
});

test("a statement that waited for the seal with an older snapshot is refused by it", async () => {
  const closing = await createContest(store);
  const { writer, head } = await openWriter();
  await using sealer = await Session.openPrimary(database, TEST_SESSION);
  await sealer.command("BEGIN");
  await sealer.command(`LOCK TABLE ONLY ballots_${closing.ledgerId} IN ACCESS EXCLUSIVE MODE`);
  const waiting = writer.record(head, makeBatch([ballotOf(closing, "waits")], Date.now()));
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
  const batch = makeBatch([ballotOf(contest, "locked-out")], Date.now());
  expect((await writer.record(head, batch)).outcome).toBe("not_recorded");
  await blocker.command("ROLLBACK");
  await writer.connect();
  recorded(await writer.record(head, batch));
});

test("the statement itself fences: committed after a miss, it has written nothing", async () => {
  const { head } = await openWriter();
  await using session = await Session.openPrimary(database, TEST_SESSION);
  const ballots = await rows("ballots");
  expect(
    await advanceAndInsert(session, { ...head, epoch: head.epoch + 1 }, [ballotOf(contest, "fence")]),
  ).toBeNull();
  expect(await rows("ballots")).toBe(ballots);
});
