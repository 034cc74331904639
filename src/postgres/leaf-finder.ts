/** Finds the leaves that receipts name, for answers that voters take for an acknowledgement. */
import type { LeafRow, LeafSource } from "../auditing/receipt-source.ts";
import type { Place } from "../ledger/exceptions.ts";
import { LEAF_BYTES } from "../ledger/leaf.ts";
import { rankOf } from "../ledger/places.ts";
import { SharedReads, type SharedReadsOptions } from "../runtime/shared-reads.ts";
import { writeWal } from "./ballots.ts";
import { commitOrThrow } from "./durable-commit.ts";
import type { Session } from "./session.ts";
import type { SessionPool } from "./session-pool.ts";

export class PostgresLeafFinder implements LeafSource {
  private readonly reads: SharedReads<Place, LeafRow>;

  constructor(
    private readonly pool: SessionPool,
    private readonly options: SharedReadsOptions & { timeoutMs: number },
  ) {
    this.reads = new SharedReads((places) => this.findDurably(places), nameOf, options);
  }

  async find(place: Place): Promise<LeafRow | null> {
    const [found] = await this.reads.ask([place]);
    return found ?? null;
  }

  private findDurably(wanted: readonly Place[]): Promise<LeafRow[]> {
    return this.pool.use((session) =>
      commitOrThrow(session, this.options.timeoutMs, async () => {
        await writeWal(session);
        return readLeaves(session, wanted);
      }),
    );
  }
}

/**
 * The blocks of those places that exist, with the leaf there. Blocks are never changed, so two statements see the same
 * ones, or a block more.
 */
export async function readLeaves(session: Session, wanted: readonly Place[]): Promise<LeafRow[]> {
  if (wanted.length === 0) return [];
  const blocks = await selectPlaces(session, wanted);
  const ranked = blocks.map((block) => ({ ...block, rank: rankOf(block.places, block.index) }));
  const leaves = await selectLeaf(
    session,
    ranked.flatMap((block) => (block.rank === null ? [] : { ...block, rank: block.rank })),
  );
  const leafByName = new Map(leaves.map((row) => [nameOf(row), row.leaf]));
  return ranked.map((block) => ({ ...block, leaf: leafByName.get(nameOf(block)) ?? null }));
}

export function nameOf({ streamId, seq, index }: Place): string {
  return `${streamId}/${seq}/${index}`;
}

type PlacesRow = Place & { places: Buffer; recordedAtMs: number; overridden: boolean };

/** The blocks of those places that exist, with the index that was asked for. */
function selectPlaces(session: Session, wanted: readonly Place[]): Promise<PlacesRow[]> {
  return session.query<PlacesRow>(
    {
      name: "receipt-places",
      text: `
        SELECT wanted.stream_id AS "streamId", wanted.seq, wanted.index, blocks.places,
               (extract(epoch FROM blocks.recorded_at) * 1000)::float8 AS "recordedAtMs", blocks.overridden
        FROM unnest($1::int4[], $2::int8[], $3::int4[]) AS wanted (stream_id, seq, index)
        JOIN blocks USING (stream_id, seq)`,
    },
    columns(wanted),
  );
}

/** One leaf of each block; PostgreSQL reads only that slice of the leaves, which are stored uncompressed. */
function selectLeaf(session: Session, wanted: readonly (Place & { rank: number })[]) {
  return session.query<Place & { leaf: Buffer }>(
    {
      name: "receipt-leaf",
      text: `
        SELECT wanted.stream_id AS "streamId", wanted.seq, wanted.index,
               substring(blocks.leaves FROM wanted.rank * ${LEAF_BYTES} + 1 FOR ${LEAF_BYTES}) AS leaf
        FROM unnest($1::int4[], $2::int8[], $3::int4[], $4::int4[]) AS wanted (stream_id, seq, index, rank)
        JOIN blocks USING (stream_id, seq)`,
    },
    [...columns(wanted), wanted.map(({ rank }) => rank)],
  );
}

function columns(wanted: readonly Place[]): unknown[] {
  return [
    wanted.map(({ streamId }) => streamId),
    wanted.map(({ seq }) => seq),
    wanted.map(({ index }) => index),
  ];
}
