/** The statement that records a batch: ballots, their block and the stream's advance, in one round trip. */
import { type Selections, selectionsBytes, writeSelections } from "../election/selections.ts";
import { LEAF_BYTES } from "../ledger/leaf.ts";
import type { Ballot, Batch, StreamHead } from "../recording/ledger.ts";
import { binaryArray, type ElementType, INT4, UUID_OF_BASE64URL, UUID_OF_HEX } from "./binary-array.ts";
import { DURABILITY_SETTINGS } from "./durability.ts";
import type { Session } from "./session.ts";

export type RecordBatchResult = {
  /** Null when nothing was written: the stream is elsewhere, or the settings are not those that were expected. */
  block: { hash: Buffer; places: Buffer } | null;
  /** The durability settings in force, as JSON text. */
  settings: string;
};

/**
 * Records the batch at its place if the stream is there, and if the session's durability settings are exactly those
 * that were judged safe: `expectedSettings`, as an earlier call returned them. `overridden` is what the block says.
 */
export async function recordBatch(
  session: Session,
  head: StreamHead,
  { batchId, recordedAtMs, ballots }: Batch,
  { expectedSettings, overridden }: { expectedSettings: string; overridden: boolean },
): Promise<RecordBatchResult> {
  const [row] = await session.query<{ hash: Buffer | null; places: Buffer; settings: string }>(RECORD_BATCH, [
    head.streamId,
    head.epoch,
    head.nextSeq,
    expectedSettings,
    batchId,
    recordedAtMs,
    overridden,
    binaryArray(INT4, ballots, (ballot) => ballot.contestLedgerId),
    binaryArray(UUID_OF_HEX, ballots, (ballot) => ballot.voterKey),
    binaryArray(UUID_OF_BASE64URL, ballots, (ballot) => ballot.nonce),
    binaryArray(SELECTIONS, ballots, (ballot) => ballot.selections),
    leavesOf(ballots),
  ]);
  const { hash, places, settings } = row!;
  return { block: hash === null ? null : { hash, places }, settings };
}

/** As `bytea`. */
const SELECTIONS: ElementType<Selections> = {
  oid: 17,
  bytesOf: selectionsBytes,
  write: writeSelections,
};

/** All of them, dense. */
function leavesOf(ballots: readonly Ballot[]): Buffer {
  const leaves = Buffer.allocUnsafe(ballots.length * LEAF_BYTES);
  for (let i = 0; i < ballots.length; i++) leaves.write(ballots[i]!.leaf, i * LEAF_BYTES, "base64url");
  return leaves;
}

/**
 * Everything takes its rows from `place`, the stream's row, locked: when it is not where it should be, nothing is
 * written. Statements of one WITH do not see each other's effects, so that an insert beside a missed compare-and-swap
 * would record all the same. READ COMMITTED looks again at a row that it had to wait for.
 *
 * Rows are inserted in the order of their keys: two writers with overlapping batches then take their locks in the
 * same order (measured: 35 of 80 unsorted pairs deadlocked, no sorted one).
 *
 * The block's content is laid out as ledger/block.ts says; the recount computes it there, with other code.
 */
const RECORD_BATCH = {
  name: "record-batch",
  text: `
    WITH place AS MATERIALIZED (
      SELECT stream_id, head_hash FROM streams
      WHERE stream_id = $1::int4 AND epoch = $2::int4 AND next_seq = $3::int8
        AND ${DURABILITY_SETTINGS}::text = $4
      FOR UPDATE
    ), offered AS MATERIALIZED (
      SELECT contest_id, voter_key, nonce, selections, (number - 1)::int4 AS index,
             substring($12::bytea FROM (32 * (number - 1) + 1)::int4 FOR 32) AS leaf
      FROM unnest($8::int4[], $9::uuid[], $10::uuid[], $11::bytea[])
           WITH ORDINALITY AS ballot (contest_id, voter_key, nonce, selections, number)
    ), inserted AS (
      INSERT INTO ballots (contest_id, voter_key, nonce, block_id, index, selections)
      SELECT contest_id, voter_key, nonce, ($1::int8 << 32) | $3, index::int2, selections
      FROM place, offered
      ORDER BY contest_id, voter_key
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
      INSERT INTO blocks (stream_id, seq, batch_id, recorded_at, overridden, tally, places, leaves, prev_hash, hash)
      SELECT stream_id, $3, $5::uuid, to_timestamp($6::int8 / 1000.0), $7::boolean, tally, places, leaves, head_hash,
             sha256('\\x02'::bytea || convert_to('urna/block/v1', 'UTF8') || head_hash
                    || int8send(stream_id) || int8send($3) || uuid_send($5) || int8send($6)
                    || set_byte('\\x00', 0, $7::int4) || int4send(length(places)) || places || bytes || leaves)
      FROM place, tally, tally_bytes, content
      RETURNING places, hash
    ), advanced AS (
      UPDATE streams SET next_seq = $3 + 1, head_hash = block.hash FROM block WHERE stream_id = $1
    )
    SELECT (SELECT hash FROM block) AS hash, (SELECT places FROM block) AS places,
           ${DURABILITY_SETTINGS}::text AS settings`,
};
