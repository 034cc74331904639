/** What a writer and a durable read refuse while the gate is shut. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Contest } from "../../src/election/contest.ts";
import { PostgresBallotFinder } from "../../src/postgres/ballot-finder.ts";
import { SessionPool } from "../../src/postgres/session-pool.ts";
import type { DurabilityCheck } from "../../src/recording/durability.ts";
import { ballotOf, batchOf, countRows, createContest, openStore, streamWriter } from "../support/record.ts";
import { freshDatabase, TEST_SESSION } from "../support/shared-cluster.ts";

const opened = new AsyncDisposableStack();
let database: string;
let pool: SessionPool;
let contest: Contest;
beforeAll(async () => {
  database = await freshDatabase();
  const { store, ...others } = await openStore(opened, database);
  pool = others.pool;
  contest = await createContest(store);
});
afterAll(() => opened.disposeAsync());

test("while the gate is shut a writer sends nothing, and no durable read answers", async () => {
  let faults: DurabilityCheck[] = [];
  const gateFaults = () => faults;
  await using writer = streamWriter(database, { gateFaults });
  await writer.connect();
  const head = await writer.openStream();
  const gated = { ...TEST_SESSION, gateFaults, connectionString: database, sessionsMax: 1, waitingMax: 1 };
  await using reading = new SessionPool(gated);
  const finder = new PostgresBallotFinder(reading, { timeoutMs: 5_000, askersMax: 10, keysMax: 10 });
  const ballot = ballotOf(contest, "voter");
  expect(await finder.find([ballot])).toEqual([]);

  faults = [{ check: "any", ok: false, found: "wrong", mend: "mend it" }];
  const refused = { outcome: "not_recorded", error: { code: "not_durable" } };
  expect(await writer.record(head, batchOf([ballot]))).toMatchObject(refused);
  await expect(writer.connect()).rejects.toMatchObject({ code: "not_durable" });
  await expect(finder.find([ballot])).rejects.toMatchObject({ code: "not_durable" });
  expect(await pool.use((session) => countRows(session, "ballots"))).toBe(0);

  faults = [];
  expect((await writer.record(head, batchOf([ballot]))).outcome).toBe("recorded");
});
