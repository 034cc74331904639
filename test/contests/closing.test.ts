/** Closing is exact: what arrived before counts, what arrived after does not, and the seal is the authority. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Administration } from "../../src/contests/administration.ts";
import type { ContestStore } from "../../src/contests/store.ts";
import { close } from "../../src/contests/transitions.ts";
import type { Contest } from "../../src/election/contest.ts";
import { countsOf } from "../../src/election/counts.ts";
import { sealedContestOf, sealPartition } from "../../src/postgres/partitions.ts";
import { Session } from "../../src/postgres/session.ts";
import { countBallots } from "../../src/postgres/tallies.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { expectProblem, expectReceipt } from "../support/answers.ts";
import { eventually } from "../support/eventually.ts";
import { TEST_SESSION } from "../support/shared-cluster.ts";
import { startTestGateway, type TestGateway } from "../support/test-gateway.ts";

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({ deadlineMs: 3_000, drainMs: 500, lanes: 3 });
});
afterAll(async () => {
  expect(gateway.unexpected).toEqual([]);
  await gateway[Symbol.asyncDispose]();
});

type Cast = {
  status: number;
  code: string | undefined;
  option: number;
  sentAtMs: number;
  answeredAtMs: number;
};

/** Casts ballot after ballot of ever new voters, until it has been refused for a while. */
async function castThroughTheClose(contest: Contest, tokens: string[]): Promise<Cast[]> {
  const casts: Cast[] = [];
  let refused = 0;
  for (const [i, token] of tokens.entries()) {
    const option = 1 + (i % 3);
    const sentAtMs = Date.now();
    const response = await gateway.cast(contest.id, token, { selections: [option] });
    const { code } = (await response.json()) as { code?: string };
    casts.push({ status: response.status, code, option, sentAtMs, answeredAtMs: Date.now() });
    if (response.status === 409 && ++refused === 10) return casts;
  }
  throw new Error("the contest never closed");
}

describe("under load", () => {
  test("every ballot that was answered 201 is in the final count and no other; none arrived after the close", async () => {
    const contest = await gateway.contest();
    const expiresAtMs = Date.now() + 600_000;
    const workers = await Promise.all(
      Array.from({ length: 24 }, (_, worker) =>
        gateway.administration.mintVoterTokens(
          contest.electionId,
          Array.from({ length: 3_000 }, (_, voter) => `voter ${worker}/${voter}`),
          expiresAtMs,
        ),
      ),
    );
    const casting = workers.map((tokens) => castThroughTheClose(contest, tokens));
    const { closesAtMs } = await gateway.administration.change(contest.id, close);
    const casts = (await Promise.all(casting)).flat();
    const recorded = casts.filter(({ status }) => status === 201);
    const refused = casts.filter(({ code }) => code === "contest_not_open");
    expect(recorded.length + refused.length).toBe(casts.length);
    expect(recorded.length).toBeGreaterThan(100);
    expect(recorded.filter(({ sentAtMs }) => sentAtMs >= closesAtMs!)).toEqual([]);
    expect(refused.filter(({ answeredAtMs }) => answeredAtMs < closesAtMs!)).toEqual([]);

    const final = await gateway.untilFinal(contest);
    expect(countsOf(final, final.finalTally!)).toEqual({
      ballots: recorded.length,
      blank: 0,
      counts: [1, 2, 3].map((option) => ({
        option,
        votes: recorded.filter((cast) => cast.option === option).length,
      })),
    });
    await using session = await Session.openPrimary(gateway.databaseUrl, TEST_SESSION);
    expect(await countBallots(session, contest.ledgerId)).toEqual(final.finalTally!);
  });
});

describe("the seal", () => {
  const insert = (session: Session, contest: Contest, voter: number) =>
    session.query(
      {
        text: `
          INSERT INTO ballots (contest_id, voter_key, nonce, block_id, index, selections)
          VALUES ($1, $2, gen_random_uuid(), 0, 0, '\\x0001')`,
      },
      [contest.ledgerId, `00000000-0000-4000-8000-${String(voter).padStart(12, "0")}`],
    );
  const open = () => Session.openPrimary(gateway.databaseUrl, { ...TEST_SESSION, lockTimeoutMs: 20_000 });
  const waitingFor = (observer: Session, contest: Contest, waiting: number) =>
    eventually(`${waiting} wait for the partition`, async () => {
      const rows = await observer.query(
        { text: "SELECT FROM pg_locks WHERE relation = $1::regclass AND NOT granted" },
        [`ballots_${contest.ledgerId}`],
      );
      return rows.length === waiting;
    });
  const sealedBy = async (work: Promise<unknown>) =>
    sealedContestOf(
      await work.then(
        () => new Error("was inserted"),
        (error: Error) => error,
      ),
    );

  test("refuses inserts at the database itself, also by a statement that waited with an older snapshot", async () => {
    const contest = await gateway.contest();
    await using observer = await open();
    await using early = await open();
    await using sealer = await open();
    await using waiting = await open();
    await using older = await open();
    await older.query({ text: "BEGIN ISOLATION LEVEL REPEATABLE READ" });
    // Takes the snapshot, and no lock that would keep the seal out.
    await older.query({ text: "SELECT FROM elections" });
    await early.query({ text: "BEGIN" });
    await insert(early, contest, 1);

    await sealer.query({ text: "BEGIN" });
    const sealing = sealPartition(sealer, contest.ledgerId);
    await waitingFor(observer, contest, 1);
    const refusals = [sealedBy(insert(waiting, contest, 2)), sealedBy(insert(older, contest, 3))];
    await waitingFor(observer, contest, 3);
    await early.query({ text: "COMMIT" });
    await sealing;
    await sealer.query({ text: "COMMIT" });

    expect(await Promise.all(refusals)).toEqual([contest.ledgerId, contest.ledgerId]);
    expect(await sealedBy(insert(observer, contest, 4))).toBe(contest.ledgerId);
    expect(await countBallots(observer, contest.ledgerId)).toEqual(new Map([[1, 1]]));
    // Idempotent.
    await observer.query({ text: "BEGIN" });
    await sealPartition(observer, contest.ledgerId);
    await observer.query({ text: "COMMIT" });
  });

  test("a ballot that meets it is answered contest_not_open, a recorded one with its receipt, others in the batch are recorded", async () => {
    const [sealed, other] = [await gateway.contest(), await gateway.contest()];
    const before = await gateway.token(sealed, "voter-before");
    const receipt = await expectReceipt(await gateway.cast(sealed.id, before, { selections: [1] }), 201);
    await gateway.ledger.store.seal(sealed, Date.now());
    // What the gateway knows is from before the seal: the contest takes ballots.
    expect(gateway.ledger.directory.get(sealed.id)?.sealedAtMs).toBeNull();
    const late = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => ({
        sealed: await gateway.token(sealed, `late ${i}`),
        other: await gateway.token(other, `late ${i}`),
      })),
    );
    const again = gateway.cast(sealed.id, before, { selections: [1] });
    const changed = gateway.cast(sealed.id, before, { selections: [2] });
    const answers = late.map((tokens) => ({
      sealed: gateway.cast(sealed.id, tokens.sealed, { selections: [1] }),
      other: gateway.cast(other.id, tokens.other, { selections: [1] }),
    }));
    for (const answer of answers) {
      await expectProblem(await answer.sealed, "contest_not_open");
      await expectReceipt(await answer.other, 201);
    }
    expect(await expectReceipt(await again, 200)).toEqual(receipt);
    await expectProblem(await changed, "already_voted");
  });

  test("a ballot that waits behind the seal on its way is refused", async () => {
    const contest = await gateway.contest();
    const token = await gateway.token(contest, "voter-behind-the-seal");
    await gateway.find(contest.id, token);
    await using observer = await open();
    await using early = await open();
    await early.query({ text: "BEGIN" });
    await insert(early, contest, 1);
    const sealing = gateway.ledger.store.seal(contest, Date.now());
    await waitingFor(observer, contest, 1);
    const casting = gateway.cast(contest.id, token, { selections: [1] });
    await waitingFor(observer, contest, 2);
    await early.query({ text: "ROLLBACK" });
    await sealing;
    await expectProblem(await casting, "contest_not_open");
    expect(await countBallots(observer, contest.ledgerId)).toEqual(new Map());
  });
});

describe("an announcement of a close", () => {
  /** Closes through an administration whose first commit is followed by `then`; returns every close announced. */
  async function closeBy(contest: Contest, then: (clock: { aheadMs: number }) => void) {
    const clock = { ...systemClock, aheadMs: 0, steadyMs: () => systemClock.steadyMs() + clock.aheadMs };
    const announced: number[] = [];
    const changeContest: ContestStore["changeContest"] = async (id, decide) => {
      let isAnnouncement = false;
      const result = await gateway.ledger.store.changeContest(id, (found) => {
        const decision = decide(found);
        if ("change" in decision && decision.change.closeIsKnown === false) {
          isAnnouncement = announced.push(decision.change.closesAtMs!) > 0;
        }
        return decision;
      });
      if (isAnnouncement && announced.length === 1) then(clock);
      return result;
    };
    const store = { changeContest } as ContestStore;
    const options = { bufferedNoticeMs: 0, buffered: null, noticeMs: 1_000, announcingMs: 60_000, clock };
    const closed = await new Administration(store, gateway.secrets, options)
      .change(contest.id, close)
      .catch((error: Error) => error);
    return { announced, closed };
  }

  test("that was slow to become known is made again, for a later close", async () => {
    const contest = await gateway.contest();
    const { announced, closed } = await closeBy(contest, (clock) => {
      clock.aheadMs = 60_001;
    });
    expect(announced).toHaveLength(2);
    expect(announced[1]).toBeGreaterThan(announced[0]!);
    expect(closed).toMatchObject({ closesAtMs: announced[1], closeIsKnown: true });
    expect((await gateway.untilFinal(contest)).closesAtMs).toBe(announced[1]!);
  });

  test("whose outcome nobody learned is made again before the contest is sealed", async () => {
    const contest = await gateway.contest();
    const { announced, closed } = await closeBy(contest, () => {
      throw new Error("the answer is lost");
    });
    expect([announced.length, (closed as Error).message]).toEqual([1, "the answer is lost"]);
    const final = await gateway.untilFinal(contest);
    expect(final.closesAtMs).toBeGreaterThan(announced[0]!);
    expect(final.closeIsKnown).toBe(true);
  });

  test("that was quick is made once", async () => {
    const contest = await gateway.contest();
    const { announced, closed } = await closeBy(contest, () => undefined);
    expect(closed).toMatchObject({ closesAtMs: announced[0], closeIsKnown: true });
    expect(announced).toHaveLength(1);
  });
});
