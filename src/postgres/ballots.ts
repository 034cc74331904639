/** Ballots and their blocks in PostgreSQL: one named statement a function. */
import { decodeSelections } from "../election/selections.ts";
import { uuidToBytes } from "../ledger/uuid.ts";
import { type DurabilitySettings, notDurable, settingFaults } from "../recording/durability.ts";
import type { BallotKey, RecordedBallot, StreamHead } from "../recording/ledger.ts";
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

/** The rows of those keys that have one. */
export async function selectBallots(session: Session, keys: readonly BallotKey[]): Promise<RecordedBallot[]> {
  const voters = Map.groupBy(keys, (key) => key.contestLedgerId);
  const rows = await Promise.all(
    [...voters].map(([contestLedgerId, ofContest]) =>
      session.query<BallotRow>(SELECT_BALLOTS, [
        contestLedgerId,
        pgArray(ofContest.map((key) => key.voterKey)),
      ]),
    ),
  );
  return rows.flat().map(ballotOfRow);
}

/** Without a name it is planned with its values: a kept plan locks the partitions of all contests to read one. */
const SELECT_BALLOTS = {
  text: `
    SELECT ballots.contest_id, ballots.voter_key, ballots.nonce, ballots.selections, ballots.index,
           blocks.stream_id, blocks.seq, blocks.recorded_at, blocks.overridden
    FROM ballots
    JOIN blocks ON blocks.stream_id = (ballots.block_id >> 32)::int4
               AND blocks.seq = ballots.block_id & 4294967295
    WHERE ballots.contest_id = $1::int4 AND ballots.voter_key = ANY($2::uuid[])`,
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
    nonce: uuidToBytes(row.nonce).toString("base64url"),
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
 * transaction could see: a row that is visible here may not be anywhere else yet. Throws NotDurableError when the gate
 * is shut, or when this session's settings would not make the commit wait.
 */
export async function writeWal(session: Session): Promise<void> {
  const { gateFaults, overrideGate } = session.options;
  const clusterFaults = gateFaults?.() ?? [];
  if (clusterFaults.length > 0 && !overrideGate) throw notDurable(clusterFaults);
  const [row] = await session.query<{ settings: DurabilitySettings }>({
    name: "write-wal",
    text: `SELECT pg_logical_emit_message(true, 'urna', ''), ${DURABILITY_SETTINGS} AS settings`,
  });
  const faults = settingFaults(row!.settings);
  if (faults.length > 0 && !overrideGate) throw notDurable(faults);
}

/** An array literal of elements that need no further quoting. */
export function pgArray(elements: readonly (string | number)[]): string {
  return `{${elements.join(",")}}`;
}
