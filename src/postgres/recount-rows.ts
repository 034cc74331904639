/** The recount's reading of a ledger in PostgreSQL, a primary's or a standby's: short statements only. */
import type {
  BallotRow,
  BarrierRow,
  BlockPlace,
  BlockRow,
  LeavesRow,
  StreamRow,
} from "../auditing/recount-source.ts";
import type { Session } from "./session.ts";

export async function selectStreams(session: Session): Promise<StreamRow[]> {
  const rows = await session.query<Omit<StreamRow, "source"> & StreamSourceRow>({
    text: `
      SELECT stream_id AS "streamId", next_seq AS "nextSeq", head_hash AS "headHash",
             election_uuid AS "electionUuid", partition, next_offset AS "nextOffset"
      FROM streams ORDER BY stream_id`,
  });
  return rows.map(({ electionUuid, partition, nextOffset, ...stream }) => ({
    ...stream,
    source: electionUuid === null ? null : { electionUuid, partition: partition!, nextOffset: nextOffset! },
  }));
}

type StreamSourceRow = { electionUuid: string | null; partition: number | null; nextOffset: number | null };

export async function selectBarriers(session: Session, streamId: number): Promise<BarrierRow[]> {
  return session.query<BarrierRow>(
    {
      name: "recount-barriers",
      text: `
        SELECT contest_id AS "contestLedgerId", source_offset AS "offset" FROM barriers WHERE stream_id = $1`,
    },
    [streamId],
  );
}

/** The offsets of a stream's records in quarantine, after one and below another, at most so many. */
export async function selectQuarantined(
  session: Session,
  streamId: number,
  afterOffset: number,
  endOffset: number,
  offsetsMax: number,
): Promise<number[]> {
  const rows = await session.query<{ offset: number }>(
    {
      name: "recount-quarantine",
      text: `
        SELECT source_offset AS "offset" FROM quarantine
        WHERE stream_id = $1 AND source_offset > $2 AND source_offset < $3 ORDER BY source_offset LIMIT $4`,
    },
    [streamId, afterOffset, endOffset, offsetsMax],
  );
  return rows.map(({ offset }) => offset);
}

export type PartitionSize = {
  name: string;
  contestLedgerId: number | null;
  sealed: boolean;
  /** Pages of the file, and how long a page is. */
  pages: number;
  pageBytes: number;
  /** Another one means that the table was rewritten. */
  fileNumber: number;
};

/** The bound of a partition of one contest reads FOR VALUES IN (number); of any other no number is told. */
export async function selectPartitions(session: Session): Promise<PartitionSize[]> {
  return session.query<PartitionSize>({
    text: `
      SELECT partition.oid::regclass::text AS name,
             substring(pg_get_expr(partition.relpartbound, partition.oid) from '^FOR VALUES IN \\((\\d+)\\)$')::int4
               AS "contestLedgerId",
             EXISTS (SELECT FROM pg_constraint
                     WHERE conrelid = partition.oid AND contype = 'c'
                       AND pg_get_constraintdef(pg_constraint.oid) ~ '^CHECK \\(false\\)( NOT VALID)?$') AS sealed,
             pg_relation_size(partition.oid) / current_setting('block_size')::int4 AS pages,
             current_setting('block_size')::int4 AS "pageBytes",
             pg_relation_filenode(partition.oid) AS "fileNumber"
      FROM pg_inherits JOIN pg_class AS partition ON partition.oid = inhrelid
      WHERE inhparent = 'ballots'::regclass
      ORDER BY "contestLedgerId", name`,
  });
}

/** The last block of each stream whose blocks go on past its row, or that has none; a stream at a time by the index. */
export async function selectStrayBlocks(session: Session): Promise<BlockPlace[]> {
  return session.query<BlockPlace>({
    text: `
      WITH RECURSIVE last AS (
        (SELECT stream_id, seq FROM blocks ORDER BY stream_id DESC, seq DESC LIMIT 1)
        UNION ALL
        SELECT below.stream_id, below.seq
        FROM last, LATERAL (SELECT stream_id, seq FROM blocks WHERE blocks.stream_id < last.stream_id
                            ORDER BY stream_id DESC, seq DESC LIMIT 1) AS below
      )
      SELECT last.stream_id AS "streamId", last.seq
      FROM last LEFT JOIN streams USING (stream_id)
      WHERE last.seq >= coalesce(streams.next_seq, 0) ORDER BY last.stream_id`,
  });
}

/** A stream's blocks after one and below another, at most so many. */
export async function selectBlocks(
  session: Session,
  streamId: number,
  afterSeq: number,
  endSeq: number,
  blocksMax: number,
): Promise<BlockRow[]> {
  const rows = await session.query<Omit<BlockRow, "source"> & SourceRow>(
    {
      name: "recount-blocks",
      text: `
        SELECT stream_id AS "streamId", seq, batch_id AS "batchId",
               (extract(epoch FROM recorded_at) * 1000)::float8 AS "recordedAtMs",
               overridden, tally, places, leaves, prev_hash AS "prevHash", hash,
               first_offset AS "firstOffset", next_offset AS "nextOffset", exceptions
        FROM blocks WHERE stream_id = $1 AND seq > $2 AND seq < $3 ORDER BY seq LIMIT $4`,
    },
    [streamId, afterSeq, endSeq, blocksMax],
  );
  return rows.map(({ firstOffset, nextOffset, exceptions, ...block }) => ({
    ...block,
    source: firstOffset === null ? null : { firstOffset, nextOffset: nextOffset!, exceptions: exceptions! },
  }));
}

type SourceRow = { firstOffset: number | null; nextOffset: number | null; exceptions: Buffer | null };

export async function selectLeaves(session: Session, blocks: readonly BlockPlace[]): Promise<LeavesRow[]> {
  return session.query<LeavesRow>(
    {
      name: "recount-leaves",
      text: `
        SELECT blocks.stream_id AS "streamId", blocks.seq, blocks.places, blocks.leaves
        FROM unnest($1::int4[], $2::int8[]) AS wanted (stream_id, seq) JOIN blocks USING (stream_id, seq)`,
    },
    [blocks.map(({ streamId }) => streamId), blocks.map(({ seq }) => seq)],
  );
}

/** The ballots of a partition's pages from one and below another, by a TID range scan. */
export async function selectBallotPages(
  session: Session,
  partitionName: string,
  fromPage: number,
  endPage: number,
): Promise<BallotRow[]> {
  const [row] = await session.query<{ packed: Buffer | null }>(
    {
      // One value and not a row a ballot: 0.6 million ballots a second reach us this way, 0.3 million the other.
      text: `
        SELECT string_agg(int4send(contest_id) || uuid_send(voter_key) || uuid_send(nonce) || int8send(block_id)
                          || int2send(index) || int4send(length(selections)) || selections, '') AS packed
        FROM ONLY ${partitionName} WHERE ctid >= $1::tid AND ctid < $2::tid`,
    },
    [`(${fromPage},0)`, `(${endPage},0)`],
  );
  return row?.packed == null ? [] : unpackBallots(row.packed);
}

function unpackBallots(packed: Buffer): BallotRow[] {
  const ballots: BallotRow[] = [];
  for (let at = 0; at < packed.length; ) {
    const end = at + 50 + packed.readUInt32BE(at + 46);
    ballots.push({
      contestLedgerId: packed.readInt32BE(at),
      voterKey: packed.subarray(at + 4, at + 20),
      nonce: packed.subarray(at + 20, at + 36),
      streamId: packed.readInt32BE(at + 36),
      seq: packed.readUInt32BE(at + 40),
      index: packed.readInt16BE(at + 44),
      selections: packed.subarray(at + 50, end),
    });
    at = end;
  }
  return ballots;
}
