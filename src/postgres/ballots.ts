/** Ballots and their blocks in PostgreSQL: one named statement a function. */
import { decodeSelections } from "../election/selections.ts";
import { type DurabilitySettings, notDurable, settingFaults } from "../recording/durability.ts";
import type { BallotKey, RecordedBallot, StreamHead } from "../recording/ledger.ts";
import { binaryArray, UUID_OF_HEX } from "./binary-array.ts";
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
  const found = await Promise.all(
    [...voters].map(async ([contestLedgerId, ofContest]) => {
      const voterKeys = binaryArray(UUID_OF_HEX, ofContest, (key) => key.voterKey);
      const [row] = await session.query<FoundBallots>(SELECT_BALLOTS, [contestLedgerId, voterKeys]);
      return decodeBallots(contestLedgerId, row!);
    }),
  );
  return found.flat();
}

/** Null where there are none. */
type FoundBallots = { ballots: Buffer | null; blocks: Buffer | null };

/**
 * Two values and not a row a ballot, and a batch's block once: where nearly all ballots are repeats, reading rows takes
 * more than recording did. Without a name it is planned with its values: a kept plan locks the partitions of all
 * contests to read one. The keys come from a query of their own, or the planner looks at each: 0.4 ms of 2,000.
 */
const SELECT_BALLOTS = {
  text: `
    WITH found AS MATERIALIZED (
      SELECT voter_key, nonce, block_id, index, selections
      FROM ballots WHERE contest_id = $1::int4 AND voter_key = ANY((SELECT $2::uuid[])::uuid[])
    )
    SELECT (
      SELECT string_agg(uuid_send(voter_key) || uuid_send(nonce) || int8send(block_id) || int2send(index)
                        || int4send(length(selections)) || selections, '')
      FROM found
    ) AS ballots, (
      SELECT string_agg(int8send(block_id) || int8send((extract(epoch FROM recorded_at) * 1000)::int8)
                        || boolsend(overridden), '')
      FROM (SELECT DISTINCT block_id FROM found) AS of_found
      JOIN blocks ON stream_id = (block_id >> 32)::int4 AND seq = block_id & 4294967295
    ) AS blocks`,
};

/** As SELECT_BALLOTS lays them out; those without a block are left out. */
function decodeBallots(contestLedgerId: number, found: FoundBallots): RecordedBallot[] {
  const blocks = new Map<bigint, { recordedAtMs: number; overridden: boolean }>();
  const { ballots: rows, blocks: blockRows } = found;
  for (let at = 0; blockRows !== null && at < blockRows.length; at += 17) {
    blocks.set(blockRows.readBigInt64BE(at), {
      recordedAtMs: Number(blockRows.readBigInt64BE(at + 8)),
      overridden: blockRows[at + 16] === 1,
    });
  }
  const ballots: RecordedBallot[] = [];
  for (let at = 0; rows !== null && at < rows.length; ) {
    const block = blocks.get(rows.readBigInt64BE(at + 32));
    const selectionsEnd = at + 46 + rows.readInt32BE(at + 42);
    if (block !== undefined) {
      ballots.push({
        contestLedgerId,
        voterKey: rows.toString("hex", at, at + 16),
        selections: decodeSelections(rows.subarray(at + 46, selectionsEnd)),
        nonce: rows.toString("base64url", at + 16, at + 32),
        streamId: rows.readInt32BE(at + 32),
        seq: rows.readUInt32BE(at + 36),
        index: rows.readInt16BE(at + 40),
        ...block,
      });
    }
    at = selectionsEnd;
  }
  return ballots;
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
