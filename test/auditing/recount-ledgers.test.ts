/** The recount over two real ledgers that partitions were drained into, and every way in which they may have been changed. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { FindingCode } from "../../src/auditing/findings.ts";
import { type RecountReport, recount } from "../../src/auditing/recount.ts";
import type { Contest } from "../../src/election/contest.ts";
import { PostgresRecountSource } from "../../src/postgres/recount-source.ts";
import { Session } from "../../src/postgres/session.ts";
import { BufferedLedgers, voterOf } from "../support/buffered-ledgers.ts";
import { ballotOf, batchOf, createContest, streamWriter } from "../support/record.ts";
import { TEST_SESSION } from "../support/shared-cluster.ts";

const CLOSES_AT_MS = Date.now() - 1_000;
const IN_TIME_MS = CLOSES_AT_MS - 500;

let ledgers: BufferedLedgers;
/** Buffered and open; buffered and final; recorded directly. */
let song: Contest;
let jury: Contest;
let direct: Contest;
const sessions: Session[] = [];

beforeAll(async () => {
  // Partitions 0 and 2 are the home ledger's, 1 and 3 the further one's.
  ledgers = await BufferedLedgers.open([0, 1]);
  song = await ledgers.contest();
  jury = await ledgers.contest({ opensAtMs: CLOSES_AT_MS - 10_000, closesAtMs: CLOSES_AT_MS });
  direct = await createContest(ledgers.store);
  await recordDirectly();
  for (const partition of [0, 1, 2, 3]) appendTo(partition);
  await ledgers.drain(5);
  await finish(jury);
  for (const { connectionString } of ledgers.ledgers) {
    sessions.push(await Session.openPrimary(connectionString, TEST_SESSION));
  }
});

afterAll(async () => {
  for (const session of sessions) await session[Symbol.asyncDispose]();
  await ledgers[Symbol.asyncDispose]();
});

async function recordDirectly(): Promise<void> {
  await using writer = streamWriter(ledgers.ledgers[0]!.connectionString);
  await writer.connect();
  const ballots = ["a", "b", "c"].map((voter) => ballotOf(direct, voter, [2]));
  await writer.record(await writer.openStream(), batchOf(ballots));
}

/** 14 records: 6 ballots, 2 duplicates, one not open, one behind the barrier, 2 in quarantine, 2 barriers. */
function appendTo(partition: number): void {
  const ofSong = (voter: number) => ledgers.ballot(song, partition, voter);
  const ofJury = (voter: number) => ledgers.ballot(jury, partition, voter, { acceptedAtMs: IN_TIME_MS });
  const barrier = { kind: "barrier", contestUuid: jury.uuid, closesAtMs: CLOSES_AT_MS } as const;
  const late = ledgers.ballot(jury, partition, 4, { acceptedAtMs: CLOSES_AT_MS });
  const misrouted = ledgers.ballot(song, (partition + 1) % 4, 1);
  ledgers.append(partition, ofSong(1), ofJury(1), ofSong(1), Buffer.from("no record"), ofSong(2), late);
  ledgers.append(
    partition,
    ofJury(2),
    barrier,
    ofJury(3),
    ofSong(3),
    misrouted,
    barrier,
    ofJury(1),
    ofSong(4),
  );
}

async function finish(contest: Contest): Promise<void> {
  const tallies = new Map<number, number>();
  for (const number of [0, 1]) {
    const ledger = ledgers.recording(number);
    await ledger.seal(contest);
    for (const [option, votes] of (await ledger.tallies(contest)).ballots) {
      tallies.set(option, (tallies.get(option) ?? 0) + votes);
    }
  }
  await ledgers.store.seal(contest, Date.now());
  await ledgers.store.publishFinal(contest, Date.now(), tallies);
}

function recountOf(home: Session, further: Session, contestId?: string): Promise<RecountReport> {
  return recount(new PostgresRecountSource(home), {
    further: [{ number: 1, name: "ledger-1", source: new PostgresRecountSource(further) }],
    ...(contestId === undefined ? {} : { contestId }),
  });
}

test("two ledgers as recorders write them are clean, and every record is accounted for", async () => {
  const report = await recountOf(sessions[0]!, sessions[1]!);
  expect(report.findings.kept).toEqual([]);
  expect(report).toMatchObject({
    ...{ clean: true, streams: 5, blocks: 13, leaves: 27 },
    exceptions: { duplicate: 8, not_open: 4, behind_barrier: 4, quarantined: 8, barrier: 8 },
  });
  expect(report.contests).toMatchObject([
    { id: song.id, final: false, counts: { ballots: 16 }, blocksTally: 16 },
    { id: jury.id, final: true, counts: { ballots: 8 }, blocksTally: 8 },
    { id: direct.id, final: false, counts: { ballots: 3 }, blocksTally: 3 },
  ]);
});

test("a contest is counted over all its ledgers or not at all", async () => {
  const [home, further] = sessions as [Session, Session];
  expect((await recountOf(home, further, song.id)).contests).toMatchObject([{ counts: { ballots: 16 } }]);
  const source = () => new PostgresRecountSource(home);
  expect(recount(source())).rejects.toThrow("has ballots in ledger number 1: name it in --ledgers");
  expect((await recount(source(), { contestId: direct.id })).clean).toBe(true);
});

/** The session, in whose open transaction a recount's own is no other one. */
function within(session: Session): Session {
  return new Proxy(session, {
    get: (target, name) => {
      if (name === "command") return async () => undefined;
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** What is found when that ledger is changed so; the change is taken back. */
async function foundAfter(number: number, statements: readonly string[]): Promise<FindingCode[]> {
  const changed = sessions[number]!;
  await changed.command("BEGIN");
  try {
    for (const text of statements) await changed.query({ text });
    const [home, further] = sessions.map((session) => (session === changed ? within(session) : session));
    const { findings } = await recountOf(home!, further!);
    return [...findings.countByCode.keys()];
  } finally {
    await changed.command("ROLLBACK");
  }
}

const streamOf = (partition: number) =>
  `(SELECT stream_id FROM streams WHERE partition = ${partition} AND election_uuid = '${ledgers.election.uuid}')`;
const block = (partition: number, seq: number) => `stream_id = ${streamOf(partition)} AND seq = ${seq}`;
const setByte = (column: string, at: number, byte: number) =>
  `${column} = set_byte(${column}, ${at}, ${byte})`;

/** Blocks have 5 records. In the first one's exceptions: a duplicate of index 0 at index 2, and quarantine at index 3. */
const corruptions: Record<string, { in: 0 | 1; sql: () => string[]; finds: FindingCode[] }> = {
  "an exception has a reason that there is not": {
    in: 1,
    sql: () => [`UPDATE blocks SET ${setByte("exceptions", 4, 9)} WHERE ${block(1, 1)}`],
    finds: ["hash_mismatch", "exceptions_malformed"],
  },
  "exceptions are in another order": {
    in: 0,
    sql: () => [
      `UPDATE blocks SET exceptions = substring(exceptions FROM 50) || substring(exceptions FOR 49) WHERE ${block(0, 1)}`,
    ],
    finds: ["hash_mismatch", "exceptions_malformed"],
  },
  "an exception is taken away": {
    in: 1,
    sql: () => [`UPDATE blocks SET exceptions = substring(exceptions FROM 50) WHERE ${block(1, 1)}`],
    finds: ["hash_mismatch", "record_unaccounted"],
  },
  "an exception is of a record that was recorded": {
    in: 0,
    sql: () => [`UPDATE blocks SET ${setByte("exceptions", 3, 1)} WHERE ${block(0, 1)}`],
    finds: ["hash_mismatch", "record_unaccounted"],
  },
  "an exception is beyond the block": {
    in: 0,
    sql: () => [`UPDATE blocks SET ${setByte("exceptions", 52, 77)} WHERE ${block(0, 1)}`],
    finds: ["hash_mismatch", "record_unaccounted"],
  },
  "a place beyond the block is set instead of one in it": {
    in: 0,
    sql: () => [`UPDATE blocks SET places = '\\x51' WHERE ${block(0, 1)}`],
    finds: ["hash_mismatch", "record_unaccounted"],
  },
  "records between two blocks are in none": {
    in: 1,
    sql: () => [`UPDATE blocks SET first_offset = 6 WHERE ${block(3, 2)}`],
    finds: ["hash_mismatch", "offset_gap"],
  },
  "a partition's first record is in no block": {
    in: 0,
    sql: () => [`UPDATE blocks SET first_offset = 1 WHERE ${block(2, 1)}`],
    finds: ["hash_mismatch", "offset_gap"],
  },
  "a block takes in no record": {
    in: 0,
    sql: () => [`UPDATE blocks SET next_offset = first_offset WHERE ${block(2, 3)}`],
    finds: ["hash_mismatch", "offset_gap", "next_offset_mismatch"],
  },
  "a stream goes on further than its blocks": {
    in: 1,
    sql: () => ["UPDATE streams SET next_offset = next_offset + 1 WHERE partition = 3"],
    finds: ["next_offset_mismatch"],
  },
  "a partition's block says nothing of records": {
    in: 1,
    sql: () => [
      `UPDATE blocks SET first_offset = NULL, next_offset = NULL, exceptions = NULL WHERE ${block(1, 2)}`,
    ],
    finds: ["hash_mismatch", "source_mismatch"],
  },
  "a lane's block says that it is of records": {
    in: 0,
    sql: () => [
      `UPDATE blocks SET first_offset = 0, next_offset = 3, exceptions = ''
       WHERE stream_id IN (SELECT stream_id FROM streams WHERE partition IS NULL)`,
    ],
    finds: ["hash_mismatch", "source_mismatch"],
  },
  "a duplicate is of a record that was not recorded": {
    in: 1,
    sql: () => [`UPDATE blocks SET ${setByte("exceptions", 48, 3)} WHERE ${block(1, 1)}`],
    finds: ["hash_mismatch", "duplicate_of_nothing"],
  },
  "a duplicate is of a later ballot": {
    in: 1,
    sql: () => [`UPDATE blocks SET ${setByte("exceptions", 48, 4)} WHERE ${block(1, 1)}`],
    finds: ["hash_mismatch", "duplicate_of_nothing"],
  },
  "a duplicate is of another stream's ballot": {
    in: 1,
    sql: () => [`UPDATE blocks SET ${setByte("exceptions", 40, 9)} WHERE ${block(1, 1)}`],
    finds: ["hash_mismatch", "duplicate_of_nothing"],
  },
  "a record is not in quarantine any more": {
    in: 1,
    sql: () => ["DELETE FROM quarantine WHERE source_offset = 3"],
    finds: ["quarantine_mismatch"],
  },
  "a partition's last record in quarantine is gone": {
    in: 1,
    sql: () => ["DELETE FROM quarantine WHERE source_offset = 10"],
    finds: ["quarantine_mismatch"],
  },
  "a record is in quarantine that no block says is": {
    in: 0,
    sql: () => [
      `INSERT INTO quarantine (stream_id, source_offset, reason) VALUES (${streamOf(0)}, 4, 'none')`,
    ],
    finds: ["quarantine_mismatch"],
  },
  "a barrier is said to be where none is": {
    in: 0,
    sql: () => [`UPDATE barriers SET source_offset = 4 WHERE stream_id = ${streamOf(0)}`],
    finds: ["barrier_mismatch", "barrier_missing"],
  },
  "a sealed contest's barrier is not known any more": {
    in: 1,
    sql: () => [`DELETE FROM barriers WHERE stream_id = ${streamOf(3)}`],
    finds: ["barrier_missing"],
  },
  "ballots were recorded behind their contest's barrier": {
    in: 1,
    sql: () => [`INSERT INTO barriers VALUES (${song.ledgerId}, ${streamOf(1)}, 7)`],
    finds: ["ballot_behind_barrier"],
  },
  "a ballot is of a voter who belongs to another partition": {
    in: 1,
    sql: () => [
      `UPDATE ballots SET voter_key = '${voterOf(ledgers.election.buffering, 3, 99)}'
       WHERE contest_id = ${song.ledgerId} AND voter_key = '${voterOf(ledgers.election.buffering, 1, 1)}'`,
    ],
    finds: ["wrong_stream"],
  },
  "a buffered contest's ballot is a lane's": {
    in: 0,
    sql: () => [
      `UPDATE ballots SET block_id = (SELECT stream_id FROM streams WHERE partition IS NULL)::int8 << 32 | 1
       WHERE contest_id = ${song.ledgerId} AND voter_key = '${voterOf(ledgers.election.buffering, 0, 1)}'`,
    ],
    finds: ["wrong_stream", "leaf_mismatch"],
  },
  "a directly recorded contest's ballot is a partition's": {
    in: 0,
    sql: () => [
      `UPDATE ballots SET block_id = ${streamOf(0)}::int8 << 32 | 1 WHERE contest_id = ${direct.ledgerId}`,
    ],
    finds: ["wrong_stream"],
  },
  "a voter has a ballot in each of two ledgers": {
    in: 1,
    sql: () => [
      `INSERT INTO ballots (contest_id, voter_key, nonce, block_id, index, selections)
       SELECT contest_id, '${voterOf(ledgers.election.buffering, 0, 1)}', gen_random_uuid(), block_id, 4, selections
       FROM ballots WHERE contest_id = ${song.ledgerId} LIMIT 1`,
    ],
    finds: ["voter_twice", "wrong_stream"],
  },
  "a partition's stream is in another ledger": {
    in: 1,
    sql: () => ["UPDATE streams SET partition = 2 WHERE partition = 3"],
    finds: ["stream_misplaced", "stream_missing", "wrong_stream"],
  },
  "a stream has another ledger's number": {
    in: 1,
    sql: () => [
      `INSERT INTO streams (stream_id, writer, head_hash) OVERRIDING SYSTEM VALUE VALUES (99, '', '')`,
    ],
    finds: ["stream_misplaced"],
  },
  "a copy of a contest takes blank ballots": {
    in: 1,
    sql: () => [`UPDATE contests SET allow_blank = NOT allow_blank WHERE contest_id = ${song.ledgerId}`],
    finds: ["copy_differs"],
  },
  "a copy of a contest has other options": {
    in: 1,
    sql: () => [`UPDATE options SET title = 'Z' WHERE contest_id = ${song.ledgerId} AND number = 2`],
    finds: ["copy_differs"],
  },
  "a copy of an election is spread over other ledgers": {
    in: 1,
    sql: () => ["UPDATE elections SET ledgers = '{1}'"],
    finds: ["copy_differs"],
  },
  "a further ledger has a contest that the home ledger has not": {
    in: 1,
    sql: () => [`UPDATE contests SET contest_uuid = gen_random_uuid() WHERE contest_id = ${song.ledgerId}`],
    finds: ["unknown_contest"],
  },
  "a sealed contest takes ballots in a further ledger": {
    in: 1,
    sql: () => [`ALTER TABLE ballots_${jury.ledgerId} DROP CONSTRAINT sealed`],
    finds: ["seal_missing"],
  },
  "a final contest's ballot is gone from a further ledger": {
    in: 1,
    sql: () => [
      `DELETE FROM ballots WHERE contest_id = ${jury.ledgerId}
       AND voter_key = '${voterOf(ledgers.election.buffering, 1, 1)}'`,
    ],
    finds: ["final_tally_mismatch", "place_without_ballot"],
  },
};

for (const [name, { in: number, sql, finds }] of Object.entries(corruptions)) {
  test(`what a superuser changed is found: ${name}`, async () => {
    expect(await foundAfter(number, sql())).toEqual(expect.arrayContaining(finds));
  });
}

test("a finding in a further ledger names it, and nothing is left of what was changed", async () => {
  const changed = sessions[1]!;
  await changed.command("BEGIN");
  await changed.query({ text: "DELETE FROM quarantine WHERE source_offset = 3" });
  const { findings } = await recountOf(sessions[0]!, within(changed));
  await changed.command("ROLLBACK");
  expect(findings.kept.map(({ place }) => place.ledger)).toEqual(["ledger-1", "ledger-1"]);
  expect((await recountOf(sessions[0]!, changed)).clean).toBe(true);
});

test("it is clean while partitions go on being drained and contests being made", async () => {
  let draining = true;
  const recorder = (async () => {
    for (let voter = 100; draining; voter++) {
      const contest = voter % 3 === 0 ? await ledgers.contest() : song;
      for (const partition of [0, 1, 2, 3]) {
        const ballot = ledgers.ballot(contest, partition, voter);
        ledgers.append(partition, ballot, Buffer.from("no record"), ballot);
      }
      await ledgers.drain(2);
    }
  })();
  const counted: number[] = [];
  try {
    while (counted.length < 6 || counted.at(-1)! < counted[0]! + 40) {
      const report = await recountOf(sessions[0]!, sessions[1]!);
      expect(report.findings.kept).toEqual([]);
      counted.push(report.leaves);
    }
  } finally {
    draining = false;
    await recorder;
  }
});
