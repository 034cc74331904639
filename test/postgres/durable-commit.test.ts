/** What a transaction that did not end as it should is called. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { commitDurably, commitStatement } from "../../src/postgres/durable-commit.ts";
import { Session } from "../../src/postgres/session.ts";
import { eventually } from "../support/eventually.ts";
import { freshDatabase, TEST_SESSION } from "../support/shared-cluster.ts";

const opened = new AsyncDisposableStack();
let database: string;
let observer: Session;
beforeAll(async () => {
  database = await freshDatabase();
  observer = opened.use(await Session.openPrimary(database, TEST_SESSION));
  await observer.command("CREATE TABLE marks (mark text)");
});
afterAll(() => opened.disposeAsync());

const open = () => Session.openPrimary(database, { ...TEST_SESSION, lockTimeoutMs: 20_000 });

const isMarked = async (mark: string) =>
  (await observer.query({ text: "SELECT FROM marks WHERE mark = $1" }, [mark])).length === 1;

test("a statement that was cut off before it answered is committed all the same: unknown", async () => {
  await using blocker = await open();
  await blocker.command("BEGIN");
  await blocker.command("LOCK TABLE marks IN EXCLUSIVE MODE");
  const { outcome } = await commitStatement(await open(), 300, (session) =>
    session.query({ text: "INSERT INTO marks VALUES ('cut off')" }),
  );
  expect(outcome).toBe("unknown");
  expect(await isMarked("cut off")).toBe(false);
  await blocker.command("COMMIT");
  await eventually("what was sent is committed", () => isMarked("cut off"));
});

test("a failed statement is not committed, and the session goes on", async () => {
  await using session = await open();
  const failed = await commitStatement(session, 5_000, () => session.query({ text: "SELECT 1 / 0" }));
  expect(failed).toMatchObject({ outcome: "not_committed", error: { code: "22012" } });
  const next = await commitStatement(session, 5_000, () => session.query({ text: "SELECT 1 AS one" }));
  expect(next).toEqual({ outcome: "committed", value: [{ one: 1 }] });
});

test("a COMMIT that answers ROLLBACK has committed nothing, whatever the work made of its failure", async () => {
  await using session = await open();
  const result = await commitDurably(session, 5_000, async () => {
    await session.query({ text: "INSERT INTO marks VALUES ('rolled back')" });
    await session.query({ text: "SELECT 1 / 0" }).catch(() => undefined);
  });
  expect(result.outcome).toBe("not_committed");
  expect(await isMarked("rolled back")).toBe(false);
});
