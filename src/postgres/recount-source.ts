/** A ledger in PostgreSQL as the recount reads it: which pieces, how large, and one of them read ahead. */
import pg from "pg";
import {
  type BallotRow,
  type BarrierRow,
  type BlockPlace,
  type BlockRow,
  type Frontier,
  type LeavesRow,
  type PartitionRow,
  RecountImpossibleError,
  type RecountSource,
  type StreamRow,
} from "../auditing/recount-source.ts";
import type { Contest } from "../election/contest.ts";
import { hostUrls } from "./connection-string.ts";
import { selectAllContests } from "./contests.ts";
import {
  type PartitionSize,
  selectBallotPages,
  selectBarriers,
  selectBlocks,
  selectLeaves,
  selectPartitions,
  selectQuarantined,
  selectStrayBlocks,
  selectStreams,
} from "./recount-rows.ts";
import { NoPrimaryError, Session, type SessionOptions } from "./session.ts";

/** About 25,000 ballots, 50 ms. */
const PAGES_A_PIECE = 256;
const BLOCK_BYTES_A_PIECE = 8 * 1024 * 1024;
const BLOCKS_A_PIECE_MAX = 4096;
const BLOCKS_A_PIECE_MIN = 16;
const OFFSETS_A_PIECE = 10_000;
/** Page header, and the least that a ballot's row and its line pointer take. */
const PAGE_HEADER_BYTES = 24;
const BALLOT_BYTES_MIN = 84;

/** The primary, or where none answers the first standby that does. Throws NoPrimaryError when nobody does. */
export async function openForReading(
  connectionString: string,
  options: SessionOptions,
): Promise<{ session: Session; standby: boolean }> {
  try {
    return { session: await Session.openPrimary(connectionString, options), standby: false };
  } catch (error) {
    if (!(error instanceof NoPrimaryError)) throw error;
    for (const url of hostUrls(connectionString)) {
      const session = await Session.openHost(url, options).catch(() => null);
      if (session !== null) return { session, standby: true };
    }
    throw error;
  }
}

export class PostgresRecountSource implements RecountSource {
  private partitions = new Map<string, PartitionSize>();

  constructor(private readonly session: Session) {}

  async frontier(): Promise<Frontier> {
    try {
      return await this.readFrontier();
    } catch (error) {
      if (!isOtherSchema(error)) throw error;
      throw new RecountImpossibleError(`this is no ledger of this version of Urna: ${error.message}`, {
        cause: error,
      });
    }
  }

  private async readFrontier(): Promise<Frontier> {
    await this.session.command("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const streams = await selectStreams(this.session);
    const contests = await selectAllContests(this.session);
    const partitions = await selectPartitions(this.session);
    await this.session.command("COMMIT");
    this.partitions = new Map(partitions.map((partition) => [partition.name, partition]));
    return { streams, contests, partitions: partitions.map(partitionOf) };
  }

  contests(): Promise<Contest[]> {
    return selectAllContests(this.session);
  }

  streams(): Promise<StreamRow[]> {
    return selectStreams(this.session);
  }

  strayBlocks(): Promise<BlockPlace[]> {
    return selectStrayBlocks(this.session);
  }

  async *blocks(streamId: number, endSeq: number): AsyncGenerator<BlockRow[]> {
    let after = Number.MIN_SAFE_INTEGER;
    let blocksMax = BLOCKS_A_PIECE_MIN;
    for (;;) {
      const blocks = await selectBlocks(this.session, streamId, after, endSeq, blocksMax);
      if (blocks.length === 0) return;
      yield blocks;
      if (blocks.length < blocksMax) return;
      after = blocks.at(-1)!.seq;
      const bytes = blocks.reduce((sum, { leaves }) => sum + leaves.length + 256, 0) / blocks.length;
      blocksMax = Math.floor(BLOCK_BYTES_A_PIECE / bytes);
      blocksMax = Math.min(Math.max(blocksMax, BLOCKS_A_PIECE_MIN), BLOCKS_A_PIECE_MAX);
    }
  }

  barriers(streamId: number): Promise<BarrierRow[]> {
    return selectBarriers(this.session, streamId);
  }

  async *quarantined(streamId: number, endOffset: number): AsyncGenerator<number[]> {
    let after = -1;
    for (;;) {
      const offsets = await selectQuarantined(this.session, streamId, after, endOffset, OFFSETS_A_PIECE);
      if (offsets.length > 0) yield offsets;
      if (offsets.length < OFFSETS_A_PIECE) return;
      after = offsets.at(-1)!;
    }
  }

  leaves(blocks: readonly BlockPlace[]): Promise<LeavesRow[]> {
    return selectLeaves(this.session, blocks);
  }

  async *ballots({ name }: PartitionRow): AsyncGenerator<BallotRow[]> {
    const { pages } = this.partitions.get(name)!;
    const read = (page: number) => {
      const piece = selectBallotPages(this.session, name, page, page + PAGES_A_PIECE);
      // When nobody comes for it any more, its failure is nobody's either.
      piece.catch(() => undefined);
      return piece;
    };
    // PostgreSQL reads the next piece while this one is being judged: twice as fast on two cores.
    let next = read(0);
    for (let page = 0; page < pages; page += PAGES_A_PIECE) {
      const piece = next;
      next = read(page + PAGES_A_PIECE);
      yield await piece;
    }
    await this.refuseRewritten(name);
  }

  /** VACUUM FULL and the like move rows while the pages are gone through. */
  private async refuseRewritten(name: string): Promise<void> {
    const partitions = await selectPartitions(this.session);
    const now = partitions.find((partition) => partition.name === name);
    if (now?.fileNumber === this.partitions.get(name)!.fileNumber) return;
    throw new RecountImpossibleError(`${name} was rewritten or detached while it was counted: run it again`);
  }
}

const UNDEFINED_TABLE = "42P01";
const UNDEFINED_COLUMN = "42703";

function isOtherSchema(error: unknown): error is pg.DatabaseError {
  return (
    error instanceof pg.DatabaseError && (error.code === UNDEFINED_TABLE || error.code === UNDEFINED_COLUMN)
  );
}

function partitionOf({ name, contestLedgerId, sealed, pages, pageBytes }: PartitionSize): PartitionRow {
  const ballotsAPage = Math.floor((pageBytes - PAGE_HEADER_BYTES) / BALLOT_BYTES_MIN);
  return { name, contestLedgerId, sealed, ballotsMax: pages * ballotsAPage };
}
