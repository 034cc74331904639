import { expect, test } from "bun:test";
import { type RecountReport, recount } from "../../src/auditing/recount.ts";
import type { Contest } from "../../src/election/contest.ts";
import { hostUrls } from "../../src/postgres/connection-string.ts";
import { openForReading, PostgresRecountSource } from "../../src/postgres/recount-source.ts";
import type { Session } from "../../src/postgres/session.ts";
import { eventually } from "../support/eventually.ts";
import { freshDatabase, TEST_SESSION } from "../support/shared-cluster.ts";
import { ballotOf, ballotsOf, RealLedger } from "./real-ledger.ts";

async function recountOf(ledger: RealLedger): Promise<RecountReport> {
  await using session = await ledger.session();
  return await recount(new PostgresRecountSource(session));
}

async function codesOf(ledger: RealLedger): Promise<string[]> {
  const { findings } = await recountOf(ledger);
  return [...findings.countByCode.keys()].sort();
}

/** A ledger with ballots of two contests in large and small blocks of two streams, some of them cast again. */
async function recordedLedger(): Promise<{ ledger: RealLedger; contest: Contest; other: Contest }> {
  const ledger = await RealLedger.open();
  const contest = await ledger.contest("song");
  const other = await ledger.contest("jury");
  await using first = await ledger.recorder();
  await using second = await ledger.recorder();
  const ballots = ballotsOf(contest, 3_000);
  await first.record([...ballots, ...ballotsOf(other, 100)]);
  // Voters who are recorded already leave unset places in between.
  await second.record([...ballots.slice(0, 500), ...ballotsOf(contest, 500)]);
  for (let i = 0; i < 40; i++) await second.record([ballotOf(contest, 1), ballotOf(other)]);
  return { ledger, contest, other };
}

test("a recorded ledger is clean, with exact counts", async () => {
  const { ledger, contest, other } = await recordedLedger();
  await using _closing = ledger;
  const report = await recountOf(ledger);
  expect(report.findings.kept).toEqual([]);
  expect(report).toMatchObject({ clean: true, streams: 2, blocks: 42, leaves: 3_680 });
  expect(report.contests).toMatchObject([
    { id: contest.id, counts: { ballots: 3_540, blank: 875 }, blocksTally: 3_540 },
    { id: other.id, counts: { ballots: 140 }, blocksTally: 140 },
  ]);
});

test("a partition of several pieces is counted whole", async () => {
  await using ledger = await RealLedger.open();
  const contest = await ledger.contest("song");
  await using recorder = await ledger.recorder();
  for (let i = 0; i < 15; i++) await recorder.record(ballotsOf(contest, 2_000));
  const report = await recountOf(ledger);
  expect(report.findings.kept).toEqual([]);
  expect(report.contests[0]?.counts.ballots).toBe(30_000);
});

test("it is clean while other connections go on recording, and on a standby", async () => {
  const { ledger, contest } = await recordedLedger();
  await using _closing = ledger;
  let recording = true;
  let recorded = 0;
  const lanes = Array.from({ length: 3 }, async () => {
    await using recorder = await ledger.recorder();
    while (recording) {
      await recorder.record(ballotsOf(contest, 50));
      recorded += 50;
    }
  });
  let counted = 0;
  for (let i = 0; i < 10; i++) {
    const report = await recountOf(ledger);
    expect(report.findings.kept).toEqual([]);
    const [{ counts }] = report.contests as [RecountReport["contests"][number]];
    expect(counts.ballots).toBeGreaterThan(counted);
    counted = counts.ballots;
  }
  recording = false;
  await Promise.all(lanes);

  const [, standbyUrl] = hostUrls(ledger.connectionString);
  const { session, standby } = await openForReading(standbyUrl!, TEST_SESSION);
  await using _session = session;
  expect(standby).toBe(true);
  await eventually("the standby has replayed all that was recorded", async () => {
    const report = await recount(new PostgresRecountSource(session));
    expect(report.findings.kept).toEqual([]);
    return report.leaves === 3_680 + recorded;
  });
});

test("a finished contest is clean, and more ballots in it are found", async () => {
  const { ledger, contest } = await recordedLedger();
  await using _closing = ledger;
  await ledger.contests.seal(contest, Date.now());
  await ledger.contests.publishFinal(contest, Date.now(), (await ledger.contests.tallies(contest)).ballots);
  expect(await codesOf(ledger)).toEqual([]);

  await ledger.corrupt(`ALTER TABLE ballots_${contest.ledgerId} DROP CONSTRAINT sealed`);
  expect(await codesOf(ledger)).toEqual(["seal_missing"]);
  await using recorder = await ledger.recorder();
  await recorder.record([ballotOf(contest, 1)]);
  await ledger.corrupt(
    `ALTER TABLE ballots_${contest.ledgerId} ADD CONSTRAINT sealed CHECK (false) NOT ENFORCED`,
  );
  expect(await codesOf(ledger)).toEqual(["final_tally_mismatch", "seal_missing"]);
});

test("a contest that becomes final while the frontier is being read is judged as it was before", async () => {
  const { ledger, contest } = await recordedLedger();
  await using _closing = ledger;
  await using recorder = await ledger.recorder();
  await using session = await ledger.session();
  const finish = async () => {
    await recorder.record(ballotsOf(contest, 10));
    await ledger.contests.seal(contest, Date.now());
    await ledger.contests.publishFinal(contest, Date.now(), (await ledger.contests.tallies(contest)).ballots);
  };
  const report = await recount(new PostgresRecountSource(interrupted(session, finish)));
  expect(report.findings.kept).toEqual([]);
  expect(report.contests[0]).toMatchObject({ final: false, counts: { ballots: 3_540 } });
});

/** The session, between whose first and second statement something else happens. */
function interrupted(session: Session, happens: () => Promise<void>): Session {
  let statements = 0;
  const query: Session["query"] = async (...statement) => {
    if (++statements === 2) await happens();
    return session.query(...statement);
  };
  return new Proxy(session, {
    get: (target, name) => {
      if (name === "query") return query;
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

const onePlace = "stream_id = 2 AND seq = 3";
const oneBallot = "block_id = (2::int8 << 32) | 3 AND index = 0";
const corruptions: Record<string, { sql: (ledgerId: number) => string[]; finds: string[] }> = {
  "a selection": {
    sql: () => [`UPDATE ballots SET selections = '\\x0002' WHERE ${oneBallot}`],
    finds: ["block_tally_mismatch", "leaf_mismatch", "tally_mismatch"],
  },
  "a nonce": {
    sql: () => [`UPDATE ballots SET nonce = gen_random_uuid() WHERE ${oneBallot}`],
    finds: ["leaf_mismatch"],
  },
  "a leaf": {
    sql: () => [`UPDATE blocks SET leaves = set_byte(leaves, 5, get_byte(leaves, 5) # 1) WHERE ${onePlace}`],
    finds: ["hash_mismatch", "leaf_mismatch"],
  },
  "a block's time": {
    sql: () => [`UPDATE blocks SET recorded_at = recorded_at + interval '1 ms' WHERE ${onePlace}`],
    finds: ["hash_mismatch"],
  },
  "a ballot taken away": {
    sql: () => [`DELETE FROM ballots WHERE ${oneBallot}`],
    finds: ["block_tally_mismatch", "place_without_ballot", "tally_mismatch"],
  },
  "a stream's last block taken away, with its ballots": {
    sql: () => [
      "DELETE FROM ballots WHERE block_id = (2::int8 << 32) | 41",
      "DELETE FROM blocks WHERE stream_id = 2 AND seq = 41",
    ],
    finds: ["tail_missing"],
  },
  "a stream set back": {
    sql: () => ["UPDATE streams SET next_seq = 41 WHERE stream_id = 2"],
    finds: ["ballot_without_block", "head_mismatch", "stray_block"],
  },
  "a stream taken away from under its blocks": {
    sql: () => [
      "ALTER TABLE blocks DROP CONSTRAINT blocks_stream_id_fkey",
      "DELETE FROM streams WHERE stream_id = 1",
    ],
    finds: ["ballot_without_block", "stray_block"],
  },
  "a second ballot of a voter, without the index": {
    sql: (ledgerId) => [
      `CREATE TABLE loose (LIKE ballots)`,
      `INSERT INTO loose SELECT contest_id, voter_key, gen_random_uuid(), block_id, index + 1, selections
       FROM ballots WHERE contest_id = ${ledgerId} AND ${oneBallot}`,
      `INSERT INTO loose SELECT * FROM ballots_${ledgerId}`,
      `DROP TABLE ballots_${ledgerId}`,
      `ALTER TABLE ballots ATTACH PARTITION loose FOR VALUES IN (${ledgerId})`,
    ],
    finds: ["block_tally_mismatch", "leaf_mismatch", "place_taken_twice", "tally_mismatch", "voter_twice"],
  },
};

for (const [name, { sql, finds }] of Object.entries(corruptions)) {
  test(`what a superuser changed is found: ${name}`, async () => {
    const { ledger, contest } = await recordedLedger();
    await using _closing = ledger;
    await ledger.corrupt(...sql(contest.ledgerId));
    expect(await codesOf(ledger)).toEqual(finds);
  });
}

test("a database without a ledger is not called clean", async () => {
  const connectionString = await freshDatabase();
  const { session } = await openForReading(connectionString, TEST_SESSION);
  await using _session = session;
  await session.query({ text: "DROP TABLE streams CASCADE" });
  expect(recount(new PostgresRecountSource(session))).rejects.toThrow("no ledger of this version");
});

test("a partition that is rewritten meanwhile makes it impossible, not dirty", async () => {
  const { ledger, contest } = await recordedLedger();
  await using _closing = ledger;
  await using session = await ledger.session();
  const source = new PostgresRecountSource(session);
  const rewriting = recount(source, {
    onProgress: ({ step }) => {
      if (step === "ballots") void session.query({ text: `VACUUM FULL ballots_${contest.ledgerId}` });
    },
  });
  expect(rewriting).rejects.toThrow("rewritten");
});
