/** Streams of partitions in PostgreSQL: one named statement a function. */

import type { DrainedBlock, DrainHead, PartitionKey } from "../buffering/drain.ts";
import { tallyToJson } from "../election/tally.ts";
import type { Place } from "../ledger/exceptions.ts";
import { type BallotKey, ballotKey } from "../recording/ledger.ts";
import { ballotColumns } from "./ballot-columns.ts";
import { binaryArray, INT2, UUID_OF_HEX } from "./binary-array.ts";
import { DURABILITY_SETTINGS } from "./durability.ts";
import type { Session } from "./session.ts";

type ClaimedRow = {
  stream_id: number;
  epoch: number;
  next_seq: number;
  head_hash: Buffer;
  next_offset: number;
  last_record: Buffer | null;
};

/** A new epoch of the partition's stream, or null when it has none here. */
export async function claimStream(
  session: Session,
  { electionUuid, partition }: PartitionKey,
  writer: string,
): Promise<DrainHead | null> {
  const [row] = await session.query<ClaimedRow>(
    {
      text: `
        UPDATE streams SET epoch = epoch + 1, writer = $3 WHERE election_uuid = $1 AND partition = $2
        RETURNING stream_id, epoch, next_seq, head_hash, next_offset, last_record`,
    },
    [electionUuid, partition, writer],
  );
  if (row === undefined) return null;
  const passed = await session.query<{ contest_id: number }>(
    { text: "SELECT contest_id FROM barriers WHERE stream_id = $1" },
    [row.stream_id],
  );
  return {
    streamId: row.stream_id,
    epoch: row.epoch,
    nextSeq: row.next_seq,
    hash: row.head_hash,
    nextOffset: row.next_offset,
    lastRecord: row.last_record,
    passed: new Set(passed.map(({ contest_id }) => contest_id)),
  };
}

/** Where those voters' ballots are, by ballotKey. */
export async function selectBallotPlaces(
  session: Session,
  keys: readonly BallotKey[],
): Promise<Map<string, Place>> {
  const voters = Map.groupBy(keys, (key) => key.contestLedgerId);
  const found = await Promise.all(
    [...voters].map(async ([contestLedgerId, ofContest]) => {
      // Planned with its values, but for the keys: see SELECT_BALLOTS in ballots.ts.
      const rows = await session.query<Place & { voterKey: string }>(
        {
          text: `
            SELECT voter_key AS "voterKey", (block_id >> 32)::int4 AS "streamId",
                   block_id & 4294967295 AS seq, index
            FROM ballots WHERE contest_id = $1::int4 AND voter_key = ANY((SELECT $2::uuid[])::uuid[])`,
        },
        [contestLedgerId, binaryArray(UUID_OF_HEX, ofContest, ({ voterKey }) => voterKey)],
      );
      return rows.map(({ voterKey, ...place }) => {
        const key = ballotKey({ contestLedgerId, voterKey: voterKey.replaceAll("-", "") });
        return [key, place] as const;
      });
    }),
  );
  return new Map(found.flat());
}

export type AppendedBlock = { isAppended: boolean; settings: string };

/** Appends the block at its place if the stream is there, and if the settings are those that were judged safe. */
export async function appendDrained(
  session: Session,
  head: DrainHead,
  block: DrainedBlock,
  { hash, overridden, expectedSettings }: { hash: Buffer; overridden: boolean; expectedSettings: string },
): Promise<AppendedBlock> {
  const { ballots, quarantined, barriers } = block;
  const [row] = await session.query<AppendedBlock>(APPEND_DRAINED, [
    head.streamId,
    head.epoch,
    head.nextSeq,
    expectedSettings,
    head.nextOffset,
    head.hash,
    block.batchId,
    block.recordedAtMs,
    overridden,
    JSON.stringify(tallyToJson(block.tally)),
    block.places,
    block.leaves,
    hash,
    block.nextOffset,
    block.exceptions,
    block.lastRecord,
    ...ballotColumns(ballots),
    binaryArray(INT2, ballots, (ballot) => ballot.index),
    quarantined.map(({ offset }) => offset),
    quarantined.map(({ reason }) => reason),
    quarantined.map(({ key }) => key),
    quarantined.map(({ value }) => value),
    barriers.map(({ contestLedgerId }) => contestLedgerId),
    barriers.map(({ offset }) => offset),
  ]);
  return row!;
}

/**
 * Everything takes its rows from `place`, the stream's row, locked: see PLACE in record-batch.ts. Ballots are
 * inserted without ON CONFLICT, whose speculative insertion costs a third: a voter's ballots are all in this partition,
 * and whoever holds its stream has looked which of them there are. Where that is wrong after all, nothing is written.
 */
const APPEND_DRAINED = {
  name: "append-drained",
  text: `
    WITH place AS MATERIALIZED (
      SELECT stream_id FROM streams
      WHERE stream_id = $1::int4 AND epoch = $2::int4 AND next_seq = $3::int8 AND next_offset = $5::int8
        AND head_hash = $6::bytea AND ${DURABILITY_SETTINGS}::text = $4
      FOR UPDATE
    ), inserted AS (
      INSERT INTO ballots (contest_id, voter_key, nonce, block_id, index, selections)
      SELECT contest_id, voter_key, nonce, ($1::int8 << 32) | $3, index, selections
      FROM place, unnest($17::int4[], $18::uuid[], $19::uuid[], $20::bytea[], $21::int2[])
                  AS ballot (contest_id, voter_key, nonce, selections, index)
      ORDER BY contest_id, voter_key
    ), quarantined AS (
      INSERT INTO quarantine (stream_id, source_offset, reason, record_key, record)
      SELECT stream_id, source_offset, reason, record_key, record
      FROM place, unnest($22::int8[], $23::text[], $24::bytea[], $25::bytea[])
                  AS record (source_offset, reason, record_key, record)
    ), passed AS (
      INSERT INTO barriers (contest_id, stream_id, source_offset)
      SELECT contest_id, stream_id, source_offset
      FROM place, unnest($26::int4[], $27::int8[]) AS barrier (contest_id, source_offset)
    ), block AS (
      INSERT INTO blocks (stream_id, seq, batch_id, recorded_at, overridden, tally, places, leaves, prev_hash, hash,
                          first_offset, next_offset, exceptions)
      SELECT stream_id, $3, $7::uuid, to_timestamp($8::int8 / 1000.0), $9::boolean, $10::jsonb, $11::bytea,
             $12::bytea, $6, $13::bytea, $5, $14::int8, $15::bytea
      FROM place
      RETURNING seq
    ), advanced AS (
      UPDATE streams SET next_seq = $3 + 1, head_hash = $13, next_offset = $14, last_record = $16::bytea
      FROM block WHERE stream_id = $1
    )
    SELECT EXISTS (SELECT FROM block) AS "isAppended", ${DURABILITY_SETTINGS}::text AS settings`,
};

/** Makes the streams of those partitions, unless they are there. Each begins at its topic's begin. */
export async function insertPartitionStreams(
  session: Session,
  electionUuid: string,
  partitions: readonly number[],
  genesisHash: Buffer,
): Promise<void> {
  await session.query(
    {
      text: `
        INSERT INTO streams (writer, head_hash, election_uuid, partition, next_offset)
        SELECT 'recorder', $3, $1, partition, 0 FROM unnest($2::int4[]) AS partition
        ON CONFLICT (election_uuid, partition) DO NOTHING`,
    },
    [electionUuid, partitions, genesisHash],
  );
}

/** Those of this ledger that were drained up to the contest's barrier. */
export async function selectPassedPartitions(
  session: Session,
  contestLedgerId: number,
): Promise<Set<number>> {
  const rows = await session.query<{ partition: number }>(
    { text: "SELECT partition FROM barriers JOIN streams USING (stream_id) WHERE contest_id = $1" },
    [contestLedgerId],
  );
  return new Set(rows.map(({ partition }) => partition));
}
