/** What running buffered elections does, on two real ledgers and a log in memory. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { parseSecrets } from "../../src/admission/secrets.ts";
import { drawSecrets } from "../../src/admission/secrets-file.ts";
import type { Appender, Appending, AppendOutcome, TopicMaker } from "../../src/buffering/log.ts";
import { decodeRecord } from "../../src/buffering/record.ts";
import { Administration } from "../../src/contests/administration.ts";
import { BufferedContests, type BufferingRequest } from "../../src/contests/buffered-contests.ts";
import { topicOf } from "../../src/election/buffering.ts";
import type { Election } from "../../src/election/election.ts";
import { PostgresBallotLedger } from "../../src/postgres/ballot-ledger.ts";
import type { PostgresContestStore } from "../../src/postgres/contest-store.ts";
import { commitOrThrow } from "../../src/postgres/durable-commit.ts";
import { becomeLedger } from "../../src/postgres/ledger-identity.ts";
import type { SessionPool } from "../../src/postgres/session-pool.ts";
import { eventually } from "../support/eventually.ts";
import { handClock } from "../support/hand-clock.ts";
import { createContest, electionOf, openStore } from "../support/record.ts";
import { freshDatabase } from "../support/shared-cluster.ts";

const DRAIN_MS = 3_000;
const BARRIER_AGAIN_MS = 10_000;

/** Topics that are made at most once, and what was appended; the next appends can be told to fail. */
class TopicsInMemory implements TopicMaker, Pick<Appender, "append"> {
  readonly topics = new Map<string, string>();
  appended: Appending[] = [];
  failures: AppendOutcome["outcome"][] = [];
  isGone = false;

  async makeTopic(name: string): Promise<string> {
    if (this.isGone) throw new Error("no broker answers");
    const id = this.topics.get(name) ?? randomUUID();
    this.topics.set(name, id);
    return id;
  }

  async append(_: unknown, records: readonly Appending[]): Promise<AppendOutcome[]> {
    return records.map((record): AppendOutcome => {
      const failure = this.failures.shift() ?? "appended";
      if (failure !== "appended") return { outcome: failure, error: new Error(failure) };
      return { outcome: "appended", offset: this.appended.push(record) - 1 };
    });
  }
}

const opened = new AsyncDisposableStack();
let store: PostgresContestStore;
let home: SessionPool;
let east: SessionPool;

beforeAll(async () => {
  ({ store, pool: home } = await openStore(opened, await freshDatabase()));
  ({ pool: east } = await openStore(opened, await freshDatabase()));
  const identity = { number: 1, name: "east", deployment: randomUUID() };
  await east.use((session) => commitOrThrow(session, 10_000, () => becomeLedger(session, identity)));
});
afterAll(() => opened.disposeAsync());

function stage({ ledgers = ["home", "east"], clockFault = null as string | null } = {}) {
  const log = new TopicsInMemory();
  const uncopied: Error[] = [];
  const clock = handClock(Date.now());
  const all = new Map([
    ["home", new PostgresBallotLedger(0, home, 10_000)],
    ["east", new PostgresBallotLedger(1, east, 10_000)],
  ]);
  const buffered = new BufferedContests(store, log, log, {
    ledgers: new Map([...all].filter(([name]) => ledgers.includes(name))),
    ...{ partitionsByDefault: 4, appendTimeoutMs: 1_000, drainMsMin: DRAIN_MS },
    ...{ barrierAgainMs: BARRIER_AGAIN_MS, clock, clockFault: () => clockFault },
    ...{ copiesPollMs: 5, onUncopied: (error: Error) => void uncopied.push(error) },
  });
  return { log, clock, buffered, uncopied };
}

async function streamsOf(pool: SessionPool, { uuid }: Election): Promise<number[]> {
  const rows = await pool.use((session) =>
    session.query<{ stream_id: number; partition: number }>(
      { text: "SELECT stream_id, partition FROM streams WHERE election_uuid = $1 ORDER BY partition" },
      [uuid],
    ),
  );
  return rows.map(({ partition }) => partition);
}

/** As the recorder of that partition does when it meets the barrier. */
async function pass(
  pool: SessionPool,
  { uuid }: Election,
  partition: number,
  ledgerId: number,
): Promise<void> {
  await pool.use((session) =>
    session.query(
      {
        text: `
          INSERT INTO barriers (contest_id, stream_id, source_offset)
          SELECT $3, stream_id, 0 FROM streams WHERE election_uuid = $1 AND partition = $2`,
      },
      [uuid, partition, ledgerId],
    ),
  );
}

test("further ledgers record, where there are any, and an organiser may choose", () => {
  expect(stage().buffered.plan({})).toEqual({ partitions: 4, ledgers: [1], topicId: null });
  expect(stage({ ledgers: ["home"] }).buffered.plan({})).toMatchObject({ ledgers: [0] });
  expect(stage().buffered.plan({ partitions: 7, ledgers: ["home", "east"] })).toMatchObject({
    partitions: 7,
    ledgers: [0, 1],
  });
  expect(() => stage().buffered.plan({ ledgers: ["west"] })).toThrow("there is no ledger west");
});

test("an election takes ballots once its streams and its topic are there, however often that was begun", async () => {
  const { log, buffered } = stage();
  const election = await store.createElection(electionOf({ partitions: 5, ledgers: [0, 1], topicId: null }));
  log.isGone = true;
  const refusal = await buffered.addElection(election).catch((error: Error) => error);
  expect(refusal).toMatchObject({ code: "not_available", message: "no broker answers" });
  expect((await store.findElection(election.id))!.buffering!.topicId).toBeNull();
  log.isGone = false;
  const made = await buffered.addElection(election);
  expect(made.buffering!.topicId).toBe(log.topics.get(topicOf(election.uuid))!);
  expect(await buffered.addElection((await store.findElection(election.id))!)).toEqual(made);
  expect([await streamsOf(home, election), await streamsOf(east, election)]).toEqual([
    [0, 2, 4],
    [1, 3],
  ]);
  const ids = await east.use((session) =>
    session.query<{ stream_id: number }>({ text: "SELECT stream_id FROM streams" }),
  );
  expect(Math.min(...ids.map(({ stream_id }) => stream_id))).toBeGreaterThan(2 ** 24);
});

test("a ledger that an election needs and that is not configured is told, and nothing is half done", async () => {
  const { log, buffered } = stage({ ledgers: ["home"] });
  const election = await store.createElection(electionOf({ partitions: 2, ledgers: [0, 1], topicId: null }));
  expect(await buffered.addElection(election).catch(({ code }) => code)).toBe("not_available");
  expect(log.topics.size).toBe(0);
});

test("barriers go into every partition that has not met one, after the drain, again only after a while, and all must be met", async () => {
  const { log, clock, buffered } = stage();
  const election = await store.createElection(electionOf({ partitions: 3, ledgers: [0, 1], topicId: null }));
  await buffered.addElection(election);
  const closesAtMs = clock.nowMs;
  const contest = await createContest(store, { closesAtMs }, (await store.findElection(election.id))!);
  await buffered.addContest(contest);
  await buffered.addContest(contest);

  clock.nowMs += DRAIN_MS - 1;
  expect(await buffered.passBarriers(contest)).toBe(false);
  expect(log.appended).toEqual([]);
  clock.nowMs += 1;
  log.failures = ["appended", "unknown"];
  expect(await buffered.passBarriers(contest).catch(({ message }) => message)).toBe("unknown");
  expect(await buffered.passBarriers(contest)).toBe(false);
  expect(log.appended.map(({ partition }) => partition)).toEqual([0, 2, 1]);
  const barrier = { kind: "barrier", contestUuid: contest.uuid, closesAtMs };
  expect(log.appended.map(({ value }) => decodeRecord(value))).toEqual([barrier, barrier, barrier] as never);

  await pass(home, election, 0, contest.ledgerId);
  await pass(home, election, 2, contest.ledgerId);
  expect(await buffered.passBarriers(contest)).toBe(false);
  expect(log.appended).toHaveLength(3);
  clock.nowMs += BARRIER_AGAIN_MS;
  expect(await buffered.passBarriers(contest)).toBe(false);
  expect(log.appended.slice(3).map(({ partition }) => partition)).toEqual([1]);
  await pass(east, election, 1, contest.ledgerId);
  expect(await buffered.passBarriers(contest)).toBe(true);
});

test("no barrier is written by a clock that is wrong", async () => {
  const { log, buffered } = stage({ clockFault: "it is 7 s ahead" });
  const election = await store.createElection(electionOf({ partitions: 1, ledgers: [0], topicId: null }));
  const contest = await createContest(
    store,
    { closesAtMs: Date.now() - 60_000, opensAtMs: 0 },
    await buffered.addElection(election),
  );
  expect(await buffered.passBarriers(contest).catch(({ message }) => message)).toBe("it is 7 s ahead");
  expect(log.appended).toEqual([]);
});

test("an election made again is the first one, if what is said of its buffering is so; ledgers are shown by name", async () => {
  const { buffered, clock } = stage();
  const administration = new Administration(store, parseSecrets(drawSecrets()), {
    ...{ noticeMs: 0, bufferedNoticeMs: 0, announcingMs: 0, buffered, clock },
  });
  const id = randomUUID();
  const create = (buffering?: BufferingRequest) =>
    administration.createElection({
      ...{ id, title: "E", allowedOrigins: [] },
      ...(buffering === undefined ? {} : { buffering }),
    });
  const first = await create({ partitions: 4, ledgers: ["east", "home"] });
  expect(administration.ledgerNames(first)).toEqual(["east", "home"]);
  for (const same of [{}, { partitions: 4 }, { ledgers: ["east", "home"] }]) {
    expect(await create(same)).toEqual(first);
  }
  for (const other of [undefined, { partitions: 8 }, { ledgers: ["home", "east"] }, { ledgers: ["east"] }]) {
    await expect(create(other)).rejects.toMatchObject({ code: "id_taken" });
  }
});

test("a ledger that was not told of a contest is told later, by itself", async () => {
  const { buffered } = stage();
  const made = electionOf({ partitions: 2, ledgers: [0, 1], topicId: null });
  const election = await buffered.addElection(await store.createElection(made));
  // As the admin role leaves it when the further ledger does not answer.
  const contest = await createContest(store, {}, election);
  const isThere = () =>
    east.use(async (session) => {
      const rows = await session.query({ text: "SELECT FROM contests WHERE contest_uuid = $1" }, [
        contest.uuid,
      ]);
      return rows.length === 1;
    });
  expect(await isThere()).toBe(false);
  const end = new AbortController();
  const running = buffered.run(end.signal);
  await eventually("the further ledger has it", isThere);
  end.abort();
  await running;
});

test("a number that is another contest's in a further ledger is refused", async () => {
  const { buffered } = stage();
  const made = electionOf({ partitions: 2, ledgers: [1], topicId: null });
  const election = await buffered.addElection(await store.createElection(made));
  const contest = await createContest(store, {}, election);
  await buffered.addContest(contest);
  const other = { ...contest, uuid: randomUUID(), id: "another" };
  expect(await buffered.addContest(other).catch(({ message }) => message)).toContain("is another one here");
});
