/** Ballots and their blocks in PostgreSQL: one named statement a function. */
import { decodeSelections, encodeSelections } from "../election/selections.ts";
import { tallyToJson } from "../election/tally.ts";
import type { BlockContent } from "../ledger/block.ts";
import { uuidToBytes } from "../ledger/uuid.ts";
import type { DurabilitySettings } from "../recording/durability.ts";
import type { Ballot, BallotKey, RecordedBallot, StreamHead } from "../recording/ledger.ts";
import { DURABILITY_SETTINGS } from "./durability.ts";
import type { Session } from "./session.ts";

/** Creates a stream for one writer. */
export async function insertStream(
  session: Session,
  writer: string,
  genesisHash: Buffer,
): Promise<StreamHead> {
  const [row] = await session.query<{ stream_id: number; epoch: number; next_seq: number }>(
    { text: "INSERT INTO streams (writer, head_hash) VALUES ($1, $2) RETURNING stream_id, epoch, next_seq" },
    [writer, genesisHash],
  );
  return { streamId: row!.stream_id, epoch: row!.epoch, nextSeq: row!.next_seq, hash: genesisHash };
}

/**
 * Advances the stream by a compare-and-swap and inserts those ballots whose voters have none yet. The ballots take
 * their rows from the swap, so that a miss writes nothing: statements of one WITH do not see each other's effects,
 * and an insert beside a missed swap would record all the same. Null when the swap missed.
 */
export async function advanceAndInsert(session: Session, head: StreamHead, ballots: readonly Ballot[]) {
  const [row] = await session.query<{ head_hash: Buffer; places: number[]; settings: DurabilitySettings }>(
    ADVANCE_AND_INSERT,
    [
      head.streamId,
      head.epoch,
      head.nextSeq,
      pgArray(ballots.map((ballot) => ballot.contestLedgerId)),
      pgArray(ballots.map((ballot) => ballot.voterKey)),
      pgArray(ballots.map((ballot) => ballot.nonce.toString("hex"))),
      pgArray(ballots.map((ballot) => `"\\\\x${encodeSelections(ballot.selections).toString("hex")}"`)),
    ],
  );
  return row ?? null;
}

const ADVANCE_AND_INSERT = {
  name: "advance-and-insert",
  text: `
    WITH swap AS (
      UPDATE streams SET next_seq = next_seq + 1
      WHERE stream_id = $1 AND epoch = $2 AND next_seq = $3
      RETURNING stream_id, head_hash
    ), inserted AS (
      INSERT INTO ballots (contest_id, voter_key, nonce, block_id, index, selections)
      SELECT offered.contest_id, offered.voter_key, offered.nonce,
             (swap.stream_id::int8 << 32) | $3, (offered.place - 1)::int2, offered.selections
      FROM swap, unnest($4::int4[], $5::uuid[], $6::uuid[], $7::bytea[])
           WITH ORDINALITY AS offered (contest_id, voter_key, nonce, selections, place)
      ON CONFLICT DO NOTHING
      RETURNING index
    )
    SELECT swap.head_hash,
           (SELECT coalesce(array_agg(index ORDER BY index), '{}') FROM inserted) AS places,
           ${DURABILITY_SETTINGS} AS settings
    FROM swap`,
};

/** Appends the block and makes it the stream's head. In the transaction of {@link advanceAndInsert}. */
export async function insertBlock(session: Session, block: BlockContent, hash: Buffer) {
  await session.query(INSERT_BLOCK, [
    block.streamId,
    block.seq,
    block.batchId,
    new Date(block.recordedAtMs),
    block.overridden,
    JSON.stringify(tallyToJson(block.tally)),
    block.places,
    block.leaves,
    block.prevHash,
    hash,
  ]);
}

const INSERT_BLOCK = {
  name: "insert-block",
  text: `
    WITH block AS (
      INSERT INTO blocks (stream_id, seq, batch_id, recorded_at, overridden, tally, places, leaves, prev_hash, hash)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
      RETURNING stream_id, hash
    )
    UPDATE streams SET head_hash = block.hash FROM block WHERE streams.stream_id = block.stream_id`,
};

/** The rows of those keys that have one. */
export async function selectBallots(session: Session, keys: readonly BallotKey[]): Promise<RecordedBallot[]> {
  const rows = await session.query<BallotRow>(SELECT_BALLOTS, [
    pgArray(keys.map((key) => key.contestLedgerId)),
    pgArray(keys.map((key) => key.voterKey)),
  ]);
  return rows.map(ballotOfRow);
}

const SELECT_BALLOTS = {
  name: "select-ballots",
  text: `
    SELECT ballots.contest_id, ballots.voter_key, ballots.nonce, ballots.selections, ballots.index,
           blocks.stream_id, blocks.seq, blocks.recorded_at, blocks.overridden
    FROM unnest($1::int4[], $2::uuid[]) AS wanted (contest_id, voter_key)
    JOIN ballots ON ballots.contest_id = wanted.contest_id AND ballots.voter_key = wanted.voter_key
    JOIN blocks ON blocks.stream_id = (ballots.block_id >> 32)::int4
               AND blocks.seq = ballots.block_id & 4294967295`,
};

type BallotRow = {
  contest_id: number;
  voter_key: string;
  nonce: string;
  selections: Buffer;
  index: number;
  stream_id: number;
  seq: number;
  recorded_at: Date;
  overridden: boolean;
};

function ballotOfRow(row: BallotRow): RecordedBallot {
  return {
    contestLedgerId: row.contest_id,
    voterKey: row.voter_key.replaceAll("-", ""),
    selections: decodeSelections(row.selections),
    nonce: uuidToBytes(row.nonce),
    streamId: row.stream_id,
    seq: row.seq,
    index: row.index,
    recordedAtMs: row.recorded_at.getTime(),
    overridden: row.overridden,
  };
}

/** Which attempt took a place of a stream, and the stream's head now. Null when there is no such stream. */
export async function selectPlace(session: Session, streamId: number, seq: number) {
  const [row] = await session.query<{
    epoch: number;
    next_seq: number;
    head_hash: Buffer;
    batch_id: string | null;
  }>(
    {
      text: `
        SELECT streams.epoch, streams.next_seq, streams.head_hash, blocks.batch_id
        FROM streams LEFT JOIN blocks ON blocks.stream_id = streams.stream_id AND blocks.seq = $2
        WHERE streams.stream_id = $1`,
    },
    [streamId, seq],
  );
  return row ?? null;
}

/**
 * Makes this transaction write WAL, so that its commit waits for the standby, and with it everything that the
 * transaction could see: a row that is visible here may not be anywhere else yet.
 */
export async function writeWal(session: Session): Promise<void> {
  await session.query({ name: "write-wal", text: "SELECT pg_logical_emit_message(true, 'urna', '')" });
}

/** An array literal of elements that need no further quoting. */
function pgArray(elements: readonly (string | number)[]): string {
  return `{${elements.join(",")}}`;
}
