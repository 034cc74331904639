/** Blocks in PostgreSQL as live results read them: one named statement a function, and never the leaves. */
import { type TallyJson, tallyFromJson } from "../election/tally.ts";
import type { BlockRange, BlockSource, StreamPosition, TailedBlock } from "../results/block-source.ts";
import type { Session } from "./session.ts";
import type { SessionPool } from "./session-pool.ts";

/** The ledger took longer than it may to be read. */
export class ReadTimeoutError extends Error {
  readonly code = "read_timeout";
}

export class PostgresBlockSource implements BlockSource {
  constructor(
    private readonly pool: SessionPool,
    private readonly timeoutMs: number,
  ) {}

  heads(): Promise<StreamPosition[]> {
    return this.read(selectHeads);
  }

  blocksIn(ranges: readonly BlockRange[]): Promise<TailedBlock[]> {
    return this.read((session) => selectBlocks(session, ranges));
  }

  /** A server that is cut off from the network answers nothing at all, so the connection is given up. */
  private read<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.pool.use(async (session) => {
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        session.destroy();
      }, this.timeoutMs);
      try {
        return await work(session);
      } catch (error) {
        if (!isLate) throw error;
        throw new ReadTimeoutError(`no answer from PostgreSQL within ${this.timeoutMs} ms`, { cause: error });
      } finally {
        clearTimeout(timer);
      }
    });
  }
}

async function selectHeads(session: Session): Promise<StreamPosition[]> {
  const rows = await session.query<{ stream_id: number; next_seq: number; head_hash: Buffer }>(SELECT_HEADS);
  return rows.map((row) => ({ streamId: row.stream_id, nextSeq: row.next_seq, hash: row.head_hash }));
}

const SELECT_HEADS = {
  name: "select-heads",
  text: "SELECT stream_id, next_seq, head_hash FROM streams WHERE next_seq > 1",
};

async function selectBlocks(session: Session, ranges: readonly BlockRange[]): Promise<TailedBlock[]> {
  const rows = await session.query<BlockRow>(SELECT_BLOCKS, [
    ranges.map(({ streamId }) => streamId),
    ranges.map(({ fromSeq }) => fromSeq),
    ranges.map(({ beforeSeq }) => beforeSeq),
  ]);
  return rows.map((row) => ({
    streamId: row.stream_id,
    seq: row.seq,
    recordedAtMs: row.recorded_at.getTime(),
    tally: tallyFromJson(row.tally),
    prevHash: row.prev_hash,
    hash: row.hash,
  }));
}

// The LIMIT, never reached, keeps the planner at one index scan a range: it knows nothing of the arrays' contents,
// and might read the whole table otherwise.
const SELECT_BLOCKS = {
  name: "select-blocks",
  text: `
    SELECT block.stream_id, block.seq, block.recorded_at, block.tally, block.prev_hash, block.hash
    FROM unnest($1::int4[], $2::int8[], $3::int8[]) AS range (stream_id, from_seq, before_seq)
    CROSS JOIN LATERAL (
      SELECT stream_id, seq, recorded_at, tally, prev_hash, hash
      FROM blocks
      WHERE blocks.stream_id = range.stream_id AND seq >= range.from_seq AND seq < range.before_seq
      ORDER BY seq
      LIMIT range.before_seq - range.from_seq
    ) AS block
    ORDER BY block.stream_id, block.seq`,
};

type BlockRow = {
  stream_id: number;
  seq: number;
  recorded_at: Date;
  tally: TallyJson;
  prev_hash: Buffer;
  hash: Buffer;
};
