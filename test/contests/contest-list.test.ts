/** GET /v1/contests: what it lists, and that it can't be used to hammer the ledger. */
import { describe, expect, test } from "bun:test";
import { ContestList } from "../../src/contests/contest-list.ts";
import { declareVoid, open } from "../../src/contests/transitions.ts";
import type { ContestAnswer } from "../../src/election/answers.ts";
import { Session } from "../../src/postgres/session.ts";
import { eventually } from "../support/eventually.ts";
import { handClock } from "../support/hand-clock.ts";
import { TEST_SESSION } from "../support/shared-cluster.ts";
import { startTestGateway } from "../support/test-gateway.ts";

test("lists those that are no drafts, newest first, as GET contest shows them, at most 100", async () => {
  await using gateway = await startTestGateway();
  const list = async () => {
    const response = await fetch(`${gateway.url}/v1/contests`);
    expect(response.headers.get("content-type")).toBe("application/json");
    return ((await response.json()) as { contests: ContestAnswer[] }).contests;
  };
  const listed = async (ids: string[]) =>
    eventually(`the list begins with ${ids}`, async () =>
      Bun.deepEquals(
        (await list()).slice(0, ids.length).map(({ id }) => id),
        ids,
      ),
    );
  expect(await list()).toEqual([]);

  const draft = await gateway.draft();
  const scheduled = await gateway.draft({ opensAtMs: Date.now() + 60_000 });
  const opened = await gateway.contest();
  const voided = await gateway.contest();
  await gateway.administration.change(voided.id, (found, clock) => declareVoid(found, "a test", clock));
  await listed([voided.id, opened.id, scheduled.id]);
  const shown = await (await fetch(`${gateway.url}/v1/contests/${opened.id}`)).json();
  expect((await list())[1]).toEqual(shown as ContestAnswer);

  await gateway.administration.change(draft.id, open);
  await listed([voided.id, opened.id, scheduled.id, draft.id]);

  await using session = await Session.openPrimary(gateway.databaseUrl, TEST_SESSION);
  const rows = await session.query<{ id: string }>(
    {
      text: `
        INSERT INTO contests (contest_uuid, id, election_uuid, title, method, allow_blank, results_visible, opens_at,
                              has_voter_index)
        SELECT gen_random_uuid(), 'many-' || number, $1, 'Many', 'single-choice', false, 'live', now(), true
        FROM generate_series(1, 101) AS number RETURNING id`,
    },
    [draft.electionUuid],
  );
  await listed(
    rows
      .slice(1)
      .reverse()
      .map(({ id }) => id),
  );
  expect(await list()).toHaveLength(100);
});

describe("the ledger is asked once a moment", () => {
  function listOf(read: () => Promise<never[]>) {
    const clock = handClock();
    const reads = { count: 0 };
    const newestPublicContests = () => {
      reads.count++;
      return read();
    };
    const list = new ContestList({ newestPublicContests }, { lifetimeMs: 100, contestsMax: 100, clock });
    return { list, clock, reads };
  }

  test("however many ask", async () => {
    const { list, clock, reads } = listOf(async () => []);
    for (let round = 0; round < 3; round++) {
      await Promise.all(Array.from({ length: 1_000 }, () => list.text()));
      clock.nowMs += 33;
    }
    expect(reads.count).toBe(1);
    clock.nowMs += 1;
    expect(await list.text()).toBe('{"contests":[]}');
    expect(reads.count).toBe(2);
  });

  test("however long it takes to answer", async () => {
    let answer: (contests: never[]) => void = () => undefined;
    const { list, clock, reads } = listOf(() => new Promise((resolve) => (answer = resolve)));
    const first = list.text();
    clock.nowMs += 10_000;
    const second = list.text();
    expect(reads.count).toBe(1);
    answer([]);
    expect(await first).toBe(await second);
  });

  test("also when it fails; then it is asked again", async () => {
    let fails = true;
    const { list, clock, reads } = listOf(async () => {
      if (fails) throw new Error("no primary");
      return [];
    });
    for (let i = 0; i < 3; i++) await expect(list.text()).rejects.toThrow("no primary");
    expect(reads.count).toBe(1);
    fails = false;
    clock.nowMs += 101;
    expect(await list.text()).toBe('{"contests":[]}');
  });
});
