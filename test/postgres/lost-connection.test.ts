/** A lane's connection is lost while two statements are under way: every failure of it is somebody's. */
import { afterAll, expect, test } from "bun:test";
import { Session } from "../../src/postgres/session.ts";
import { expectReceipt } from "../support/answers.ts";
import { eventually } from "../support/eventually.ts";
import { TEST_SESSION } from "../support/shared-cluster.ts";
import { startTestGateway } from "../support/test-gateway.ts";

const unhandled: unknown[] = [];
const note = (reason: unknown) => unhandled.push(reason);
process.on("unhandledRejection", note);
afterAll(() => process.off("unhandledRejection", note));

test("with a repeated ballot in the batch: the block is submitted again, and no rejection is left unhandled", async () => {
  await using gateway = await startTestGateway({ lanes: 1, logLevel: "silent" });
  const contest = await gateway.contest();
  const token = await gateway.token(contest, "voter-1");
  const first = await expectReceipt(await gateway.cast(contest.id, token, { selections: [1] }), 201);
  await using blocker = await Session.openPrimary(gateway.databaseUrl, TEST_SESSION);
  await blocker.query({ text: "BEGIN" });
  await blocker.query({ text: "LOCK TABLE blocks IN ACCESS EXCLUSIVE MODE" });
  // Its block waits for the lock, and behind it, already sent, the COMMIT.
  const again = gateway.cast(contest.id, token, { selections: [1] });
  await using observer = await Session.openPrimary(gateway.databaseUrl, TEST_SESSION);
  await eventually("the lane waits, and is cut off", async () => {
    const cut = await observer.query({
      text: `
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'urna lane' AND wait_event_type = 'Lock'`,
    });
    return cut.length > 0;
  });
  await blocker.query({ text: "ROLLBACK" });
  expect(await expectReceipt(await again, 200)).toEqual(first);
  expect(unhandled).toEqual([]);
});
