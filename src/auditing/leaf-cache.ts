/**
 * The leaves of the blocks that the ballots at hand belong to. Ballots lie in the heap nearly in the order of their
 * blocks, so a bounded cache reads most blocks once.
 */
import { LEAF_BYTES } from "../ledger/leaf.ts";
import type { BlockPlace, LeavesRow, RecountSource } from "./recount-source.ts";

/** One block's leaves, and each index's rank among them; -1 where none was recorded. */
export type BlockLeaves = { leaves: Buffer; ranks: Int32Array };

const BYTES_MAX = 64 * 1024 * 1024;

export class LeafCache {
  /** Least recently needed first. */
  private readonly entries = new Map<number, BlockLeaves>();
  private bytes = 0;

  constructor(
    private readonly source: Pick<RecountSource, "leaves">,
    private readonly bytesMax = BYTES_MAX,
  ) {}

  /**
   * Makes the blocks of a prefix of `wanted` available, by block number, and returns how long that prefix is: as
   * long as fits, at least one.
   */
  async load(
    wanted: readonly { block: number; place: BlockPlace; offered: number }[],
  ): Promise<{ covered: number; leaves: ReadonlyMap<number, BlockLeaves> }> {
    const missing = new Map<number, BlockPlace>();
    const needed = new Set<number>();
    let bytes = 0;
    let covered = 0;
    for (const { block, place, offered } of wanted) {
      if (!needed.has(block)) {
        bytes += offered * LEAF_BYTES;
        if (covered > 0 && bytes > this.bytesMax) break;
        needed.add(block);
        if (!this.entries.has(block)) missing.set(block, place);
      }
      covered++;
    }
    for (const block of needed) this.touch(block);
    if (missing.size > 0) await this.read(missing);
    this.evict(needed);
    return { covered, leaves: this.entries };
  }

  private touch(block: number): void {
    const entry = this.entries.get(block);
    if (entry === undefined) return;
    this.entries.delete(block);
    this.entries.set(block, entry);
  }

  private async read(missing: ReadonlyMap<number, BlockPlace>): Promise<void> {
    const rows = await this.source.leaves([...missing.values()]);
    const byPlace = new Map(rows.map((row) => [keyOf(row), row]));
    for (const [block, place] of missing) {
      const row: LeavesRow | undefined = byPlace.get(keyOf(place));
      if (row === undefined) continue;
      this.entries.set(block, { leaves: row.leaves, ranks: ranksOf(row.places) });
      this.bytes += row.leaves.length;
    }
  }

  /** What is needed now was touched or read last, and stays, should it be too large as well. */
  private evict(needed: ReadonlySet<number>): void {
    for (const [block, { leaves }] of this.entries) {
      if (this.bytes <= this.bytesMax || needed.has(block)) return;
      this.entries.delete(block);
      this.bytes -= leaves.length;
    }
  }
}

function keyOf({ streamId, seq }: BlockPlace): string {
  return `${streamId}/${seq}`;
}

/** What rankOf() gives, for every index at once: counting the bits before each of thousands would be quadratic. */
function ranksOf(places: Buffer): Int32Array {
  const ranks = new Int32Array(places.length * 8);
  let rank = 0;
  for (let index = 0; index < ranks.length; index++) {
    ranks[index] = (places[index >> 3]! & (1 << (index & 7))) === 0 ? -1 : rank++;
  }
  return ranks;
}
