/** Which failures of the real thing are PostgreSQL's state at the moment, and which are bugs. */
import { expect, test } from "bun:test";
import { isPassing } from "../../src/postgres/passing.ts";
import { cutAfter, Session } from "../../src/postgres/session.ts";
import { notDurable } from "../../src/recording/durability.ts";
import { freshDatabase, TEST_SESSION } from "../support/shared-cluster.ts";

const thrown = (promise: Promise<unknown>) => promise.then(() => undefined).catch((error: unknown) => error);

test("bugs do not pass: wrong SQL, a value that can't be sent, whatever else is thrown", async () => {
  await using session = await Session.openPrimary(await freshDatabase(), TEST_SESSION);
  const unsendable = {
    toPostgres: () => {
      throw new Error("can't be sent");
    },
  };
  const bugs = [
    await thrown(session.command("SELECT nonsense")),
    await thrown(session.query({ text: "SELECT $1::int4" }, [unsendable])),
    new Error("anything"),
    new TypeError("x is undefined"),
  ];
  for (const bug of bugs) expect([bug, isPassing(bug)]).toEqual([expect.any(Error), false]);
});

test("what PostgreSQL is at the moment passes: gone, cut off, shut", async () => {
  const database = await freshDatabase();
  const open = () => Session.openPrimary(database, TEST_SESSION);
  const ended = await open();
  const late = await open();
  const destroyed = await open();
  destroyed.destroy();
  const passing = [
    await thrown(Session.openPrimary("postgres://nobody@127.0.0.1:1/none", TEST_SESSION)),
    await thrown(ended.command("SELECT pg_terminate_backend(pg_backend_pid())")),
    await thrown(ended.command("SELECT 1")),
    await thrown(cutAfter(late, 50, late.command("SELECT pg_sleep(10)"))),
    await thrown(destroyed.command("SELECT 1")),
    notDurable([]),
  ];
  for (const error of passing) expect([error, isPassing(error)]).toEqual([expect.any(Error), true]);
});
