/** The statements that record a batch: ballots, their block and the stream's advance, in one round trip. */
import pg from "pg";
import { countBallot, type Tally, tallyToJson } from "../election/tally.ts";
import { blockHash } from "../ledger/block.ts";
import { LEAF_BYTES } from "../ledger/leaf.ts";
import { countPlaces, hasPlace } from "../ledger/places.ts";
import type { Ballot, Batch, StreamHead } from "../recording/ledger.ts";
import { ballotColumns } from "./ballot-columns.ts";
import { binaryArray, INT2 } from "./binary-array.ts";
import { DURABILITY_SETTINGS } from "./durability.ts";
import type { Session } from "./session.ts";

export type RecordBatchResult = {
  /** Null when nothing was written: the stream is elsewhere, or the settings are not those that were expected. */
  block: { hash: Buffer; places: Buffer } | null;
  /** The durability settings in force, as JSON text. */
  settings: string;
};

/** The batch is recorded only if the session's durability settings are exactly those that were judged safe. */
export type RecordBatchOptions = {
  /** As an earlier call returned them. */
  expectedSettings: string;
  /** What the block says. */
  overridden: boolean;
};

/**
 * Records those of the batch's ballots that `places` names, at the stream's place, if the stream is there and none of their
 * voters has a ballot. Otherwise nothing is written; where it is for a voter's ballot this throws, see {@link isRepeat}.
 *
 * All of them are new, or nothing is: so the block is known beforehand, and the database need not make it.
 */
export async function recordPlainly(
  session: Session,
  head: StreamHead,
  { batchId, recordedAtMs, ballots: offered }: Batch,
  { places, expectedSettings, overridden }: RecordBatchOptions & { places: Buffer },
): Promise<RecordBatchResult> {
  const isWhole = countPlaces(places) === offered.length;
  const indexes = isWhole ? null : [...offered.keys()].filter((index) => hasPlace(places, index));
  const ballots = indexes?.map((index) => offered[index]!) ?? offered;
  const [leaves, tally] = [leavesOf(ballots), tallyOf(ballots)];
  const hash = blockHash({
    ...{ streamId: head.streamId, seq: head.nextSeq, prevHash: head.hash, source: null },
    ...{ batchId, recordedAtMs, overridden, tally, places, leaves },
  });
  const [row] = await session.query<{ isRecorded: boolean; settings: string }>(RECORD_PLAINLY, [
    ...[head.streamId, head.epoch, head.nextSeq, expectedSettings, head.hash],
    ...[batchId, recordedAtMs, overridden, ...ballotColumns(ballots), leaves],
    ...[JSON.stringify(tallyToJson(tally)), places, hash],
    indexes && binaryArray(INT2, indexes, (index) => index),
  ]);
  const { isRecorded, settings } = row!;
  return { block: isRecorded ? { hash, places } : null, settings };
}

/** The whole batch, where some of its voters may have ballots: those are left out, and the database makes the block of the others. */
export async function recordAmongRepeats(
  session: Session,
  head: StreamHead,
  { batchId, recordedAtMs, ballots }: Batch,
  { expectedSettings, overridden }: RecordBatchOptions,
): Promise<RecordBatchResult> {
  const [row] = await session.query<{ hash: Buffer | null; places: Buffer; settings: string }>(
    RECORD_AMONG_REPEATS,
    [
      ...[head.streamId, head.epoch, head.nextSeq, expectedSettings, head.hash],
      ...[batchId, recordedAtMs, overridden, ...ballotColumns(ballots), leavesOf(ballots)],
    ],
  );
  const { hash, places, settings } = row!;
  return { block: hash === null ? null : { hash, places }, settings };
}

const UNIQUE_VIOLATION = "23505";

/** Why nothing was recorded plainly: one of the batch's voters has a ballot. Nothing else that is unique can be met there. */
export function isRepeat(error: Error): boolean {
  return error instanceof pg.DatabaseError && error.code === UNIQUE_VIOLATION;
}

function tallyOf(ballots: readonly Ballot[]): Tally {
  const tally: Tally = new Map();
  for (const { contestUuid, selections } of ballots) countBallot(tally, contestUuid, selections);
  return tally;
}

/** All of them, dense. */
function leavesOf(ballots: readonly Ballot[]): Buffer {
  const leaves = Buffer.allocUnsafe(ballots.length * LEAF_BYTES);
  for (let i = 0; i < ballots.length; i++) leaves.write(ballots[i]!.leaf, i * LEAF_BYTES, "base64url");
  return leaves;
}

/**
 * What both statements begin with. Everything takes its rows from `place`, the stream's row, locked: when it is not where
 * it should be, nothing is written. Statements of one WITH do not see each other's effects, so that an insert beside a
 * missed compare-and-swap would record all the same. READ COMMITTED looks again at a row that it had to wait for.
 */
const PLACE = `
    WITH place AS MATERIALIZED (
      SELECT stream_id, head_hash FROM streams
      WHERE stream_id = $1::int4 AND epoch = $2::int4 AND next_seq = $3::int8
        AND ${DURABILITY_SETTINGS}::text = $4 AND head_hash = $5::bytea
      FOR UPDATE
    )`;

const INTO_BALLOTS = `
      INSERT INTO ballots (contest_id, voter_key, nonce, block_id, index, selections)
      SELECT contest_id, voter_key, nonce, ($1::int8 << 32) | $3, index::int2, selections`;

/**
 * Two writers with overlapping batches then take their locks in the same order (measured: 35 of 80 unsorted pairs
 * deadlocked, no sorted one).
 */
const IN_KEY_ORDER = "ORDER BY contest_id, voter_key";

const INTO_BLOCKS =
  "INSERT INTO blocks (stream_id, seq, batch_id, recorded_at, overridden, tally, places, leaves, prev_hash, hash)";

const advanced = (hash: string) => `advanced AS (
      UPDATE streams SET next_seq = $3 + 1, head_hash = ${hash} FROM block WHERE stream_id = $1
    )`;

const RECORD_PLAINLY = {
  name: "record-plainly",
  text: `${PLACE}, inserted AS (${INTO_BALLOTS}
      FROM place, (
        SELECT contest_id, voter_key, nonce, selections, coalesce(index, number - 1) AS index
        FROM unnest($9::int4[], $10::uuid[], $11::uuid[], $12::bytea[], $17::int2[])
             WITH ORDINALITY AS ballot (contest_id, voter_key, nonce, selections, index, number)
      ) AS ballot
      ${IN_KEY_ORDER}
    ), block AS (
      ${INTO_BLOCKS}
      SELECT stream_id, $3, $6::uuid, to_timestamp($7::int8 / 1000.0), $8::boolean, $14::jsonb, $15::bytea, $13::bytea,
             head_hash, $16::bytea
      FROM place
      RETURNING seq
    ), ${advanced("$16")}
    SELECT EXISTS (SELECT FROM block) AS "isRecorded", ${DURABILITY_SETTINGS}::text AS settings`,
};

/** The block's content is laid out as ledger/block.ts says; the recount computes it there, with other code. */
const RECORD_AMONG_REPEATS = {
  name: "record-among-repeats",
  text: `${PLACE}, offered AS MATERIALIZED (
      SELECT contest_id, voter_key, nonce, selections, (number - 1)::int4 AS index,
             substring($13::bytea FROM (32 * (number - 1) + 1)::int4 FOR 32) AS leaf
      FROM unnest($9::int4[], $10::uuid[], $11::uuid[], $12::bytea[])
           WITH ORDINALITY AS ballot (contest_id, voter_key, nonce, selections, number)
    ), inserted AS (${INTO_BALLOTS}
      FROM place, offered
      ${IN_KEY_ORDER}
      ON CONFLICT DO NOTHING
      RETURNING contest_id, index::int4, selections
    ), counts AS MATERIALIZED (
      SELECT contest_uuid, option, votes
      FROM (
        SELECT contest_id, count(*) AS votes,
               CASE length(selections) WHEN 0 THEN 0
                    ELSE get_byte(selections, 0) * 256 + get_byte(selections, 1) END AS option
        FROM inserted GROUP BY contest_id, option
      ) AS counted JOIN contests USING (contest_id)
    ), tally AS (
      SELECT coalesce(jsonb_object_agg(contest_uuid, votes), '{}') AS tally
      FROM (SELECT contest_uuid, jsonb_object_agg(option, votes) AS votes FROM counts GROUP BY contest_uuid) AS contest
    ), tally_bytes AS (
      SELECT int4send(count(*)::int4)
             || coalesce(string_agg(uuid_send(contest_uuid) || int2send(option::int2) || int8send(votes), ''
                                    ORDER BY contest_uuid, option), '') AS bytes
      FROM counts
    ), content AS (
      SELECT coalesce(string_agg(set_byte('\\x00', 0, bits), '' ORDER BY byte), '') AS places,
             coalesce(string_agg(leaves, '' ORDER BY byte), '') AS leaves
      FROM (
        SELECT offered.index / 8 AS byte,
               sum(CASE WHEN inserted.index IS NULL THEN 0 ELSE 1 << (index % 8) END)::int4 AS bits,
               string_agg(leaf, '' ORDER BY index) FILTER (WHERE inserted.index IS NOT NULL) AS leaves
        FROM offered LEFT JOIN inserted USING (index) GROUP BY byte
      ) AS bytes
    ), block AS (
      ${INTO_BLOCKS}
      SELECT stream_id, $3, $6::uuid, to_timestamp($7::int8 / 1000.0), $8::boolean, tally, places, leaves, head_hash,
             sha256('\\x02'::bytea || convert_to('urna/block/v1', 'UTF8') || head_hash
                    || int8send(stream_id) || int8send($3) || uuid_send($6) || int8send($7)
                    || set_byte('\\x00', 0, $8::int4) || int4send(length(places)) || places || bytes || leaves)
      FROM place, tally, tally_bytes, content
      RETURNING places, hash
    ), ${advanced("block.hash")}
    SELECT (SELECT hash FROM block) AS hash, (SELECT places FROM block) AS places,
           ${DURABILITY_SETTINGS}::text AS settings`,
};
