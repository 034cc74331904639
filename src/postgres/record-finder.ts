/** Finds what became of accepted ballots' records, for answers that voters take for an acknowledgement. */
import type { LeafRow, RecordFate, RecordKey, RecordSource } from "../auditing/receipt-source.ts";
import { type BlockException, decodeExceptions, EXCEPTION_BYTES } from "../ledger/exceptions.ts";
import { countBefore, hasPlace } from "../ledger/places.ts";
import { SharedReads, type SharedReadsOptions } from "../runtime/shared-reads.ts";
import { writeWal } from "./ballots.ts";
import { commitOrThrow } from "./durable-commit.ts";
import { nameOf as nameOfPlace, readLeaves } from "./leaf-finder.ts";
import type { Session } from "./session.ts";
import type { SessionPool } from "./session-pool.ts";

type FoundRecord = RecordKey & { told: RecordFate };

export class PostgresRecordFinder implements RecordSource {
  private readonly reads: SharedReads<RecordKey, FoundRecord>;

  constructor(
    private readonly pool: SessionPool,
    private readonly options: SharedReadsOptions & { timeoutMs: number },
  ) {
    this.reads = new SharedReads((records) => this.findDurably(records), nameOf, options);
  }

  async find(record: RecordKey): Promise<RecordFate | null> {
    const [found] = await this.reads.ask([record]);
    return found?.told ?? null;
  }

  private findDurably(wanted: readonly RecordKey[]): Promise<FoundRecord[]> {
    return this.pool.use((session) =>
      commitOrThrow(session, this.options.timeoutMs, async () => {
        await writeWal(session);
        return readFates(session, wanted);
      }),
    );
  }
}

function nameOf({ electionUuid, partition, offset }: RecordKey): string {
  return `${electionUuid}/${partition}/${offset}`;
}

/** One statement says how far a partition is drained and which block has the record; what a block is never changes. */
async function readFates(session: Session, wanted: readonly RecordKey[]): Promise<FoundRecord[]> {
  const found = await selectRecords(session, wanted);
  const placed = found.flatMap((each) => (isPlaced(each) ? [each] : []));
  const exceptions = await readExceptions(
    session,
    placed.filter((each) => !hasPlace(each.places, indexOf(each))),
  );
  const duplicated = [...exceptions.values()].flatMap((each) => each?.of ?? []);
  const recorded = placed
    .filter((each) => hasPlace(each.places, indexOf(each)))
    .map((each) => ({ streamId: each.streamId, seq: each.seq, index: indexOf(each) }));
  const leaves = new Map(
    (await readLeaves(session, [...recorded, ...duplicated])).map((row) => [nameOfPlace(row), row]),
  );
  const reasons = await selectReasons(
    session,
    placed.filter((each) => exceptions.get(nameOf(each))?.reason === "quarantined"),
  );
  return found.map((each) => ({ ...keyOf(each), told: fateOf(each, exceptions, leaves, reasons) }));
}

type DrainedRecord = RecordKey & { streamId: number; nextOffset: number };
type Placed = DrainedRecord & { seq: number; firstOffset: number; places: Buffer };
type FoundRow = DrainedRecord & (Placed | { seq: null; firstOffset: null; places: null });

function isPlaced(row: FoundRow): row is Placed {
  return row.seq !== null && row.offset < row.nextOffset && row.firstOffset <= row.offset;
}

function indexOf({ offset, firstOffset }: Placed): number {
  return offset - firstOffset;
}

function keyOf({ electionUuid, partition, offset }: RecordKey): RecordKey {
  return { electionUuid, partition, offset };
}

function fateOf(
  row: FoundRow,
  exceptions: ReadonlyMap<string, BlockException | null>,
  leaves: ReadonlyMap<string, LeafRow>,
  reasons: ReadonlyMap<string, string>,
): RecordFate {
  if (row.offset >= row.nextOffset) return { fate: "not_drained" };
  if (!isPlaced(row)) return { fate: "damaged", found: "no block took the record in" };
  const at = leaves.get(nameOfPlace({ streamId: row.streamId, seq: row.seq, index: indexOf(row) }));
  if (at !== undefined) return { fate: "ballot", at };
  const exception = exceptions.get(nameOf(row));
  if (exception == null) return { fate: "damaged", found: "it is neither recorded nor an exception" };
  const { reason, leaf, of } = exception;
  const duplicated = of === null ? null : (leaves.get(nameOfPlace(of)) ?? null);
  return { fate: "exception", reason, leaf, of: duplicated, told: reasons.get(nameOf(row)) ?? null };
}

/**
 * By the record's name. Every record of a block is a ballot or an exception, and both are in the order of their index:
 * so an exception's place among them is known, and only that slice is read.
 */
async function readExceptions(
  session: Session,
  wanted: readonly Placed[],
): Promise<Map<string, BlockException | null>> {
  if (wanted.length === 0) return new Map();
  const rows = await session.query<RecordKey & { exception: Buffer }>(
    {
      name: "record-exceptions",
      text: `
        SELECT wanted.election_uuid AS "electionUuid", wanted.partition, wanted.source_offset AS "offset",
               substring(blocks.exceptions FROM wanted.rank * ${EXCEPTION_BYTES} + 1 FOR ${EXCEPTION_BYTES})
                 AS exception
        FROM unnest($1::uuid[], $2::int4[], $3::int8[], $4::int4[], $5::int8[], $6::int4[])
               AS wanted (election_uuid, partition, source_offset, stream_id, seq, rank)
        JOIN blocks USING (stream_id, seq)`,
    },
    [
      ...columns(wanted),
      wanted.map(({ streamId }) => streamId),
      wanted.map(({ seq }) => seq),
      wanted.map((each) => indexOf(each) - countBefore(each.places, indexOf(each))),
    ],
  );
  const indexes = new Map(wanted.map((each) => [nameOf(each), indexOf(each)]));
  return new Map(
    rows.map((row) => {
      const [exception] = decodeExceptions(row.exception) ?? [];
      return [nameOf(row), exception?.index === indexes.get(nameOf(row)) ? exception! : null];
    }),
  );
}

/** Of those records whose partition has a stream here, with the first block that goes further. */
function selectRecords(session: Session, wanted: readonly RecordKey[]): Promise<FoundRow[]> {
  return session.query<FoundRow>(
    {
      name: "records",
      text: `
        SELECT wanted.election_uuid AS "electionUuid", wanted.partition, wanted.source_offset AS "offset",
               streams.stream_id AS "streamId", streams.next_offset AS "nextOffset",
               block.seq, block.first_offset AS "firstOffset", block.places
        FROM unnest($1::uuid[], $2::int4[], $3::int8[]) AS wanted (election_uuid, partition, source_offset)
        JOIN streams USING (election_uuid, partition)
        LEFT JOIN LATERAL (
          SELECT seq, first_offset, places FROM blocks
          WHERE blocks.stream_id = streams.stream_id AND blocks.next_offset > wanted.source_offset
          ORDER BY blocks.next_offset LIMIT 1
        ) AS block ON true`,
    },
    columns(wanted),
  );
}

/** By the record's name. */
async function selectReasons(session: Session, wanted: readonly Placed[]): Promise<Map<string, string>> {
  if (wanted.length === 0) return new Map();
  const rows = await session.query<RecordKey & { reason: string }>(
    {
      name: "record-reasons",
      text: `
        SELECT wanted.election_uuid AS "electionUuid", wanted.partition, wanted.source_offset AS "offset",
               quarantine.reason
        FROM unnest($1::uuid[], $2::int4[], $3::int8[], $4::int4[])
               AS wanted (election_uuid, partition, source_offset, stream_id)
        JOIN quarantine USING (stream_id, source_offset)`,
    },
    [...columns(wanted), wanted.map(({ streamId }) => streamId)],
  );
  return new Map(rows.map((row) => [nameOf(row), row.reason]));
}

function columns(wanted: readonly RecordKey[]): unknown[] {
  return [
    wanted.map(({ electionUuid }) => electionUuid),
    wanted.map(({ partition }) => partition),
    wanted.map(({ offset }) => offset),
  ];
}
