/**
 * The blocks of a ledger as the recount remembers them while it goes through the ballots: which places have not
 * been seen yet, and what each tally still lacks.
 *
 * Flat columns and no object a block: a quiet election makes blocks of one ballot, hundreds of millions of them
 * would not fit otherwise. About 21 bytes a block, 16 a count of its tally, and one bit a ballot offered.
 */
import { Column } from "./column.ts";
import type { BlockPlace } from "./recount-source.ts";

/** One count of a block's tally. */
export type Count = { contestLedgerId: number; option: number; votes: number };

/** How a block's tally differs: positive when it counts more votes than there are ballots. */
export type TallyDifference = BlockPlace & { contestLedgerId: number; option: number; excess: number };

type Range = { streamId: number; from: number; to: number };

export class BlockIndex {
  private readonly ranges = new Map<number, Range>();
  private readonly seqs = new Column((capacity) => new Uint32Array(capacity));
  /** Whether all ballots of the block are going to be seen. */
  private readonly whole = new Column((capacity) => new Uint8Array(capacity));
  /** Where each block's bits and counts begin; they end where the next block's begin. */
  private readonly unseenFrom = new Column((capacity) => new Float64Array(capacity));
  private readonly countsFrom = new Column((capacity) => new Float64Array(capacity));
  private readonly unseenBits = new Column((capacity) => new Uint8Array(capacity));
  private readonly contests = new Column((capacity) => new Int32Array(capacity));
  private readonly options = new Column((capacity) => new Uint32Array(capacity));
  private readonly excess = new Column((capacity) => new Float64Array(capacity));
  /** Votes that their block's tally has no count for, by block, contest and option. */
  private readonly uncounted = new Map<string, TallyDifference>();

  /** Blocks come stream by stream, by rising seq; a seq that no ballot can name is the caller's to refuse. */
  add({ streamId, seq }: BlockPlace, places: Buffer, counts: readonly Count[], whole: boolean): void {
    const block = this.seqs.length;
    const range = this.ranges.get(streamId) ?? { streamId, from: block, to: block };
    range.to = block + 1;
    this.ranges.set(streamId, range);
    this.seqs.push(seq);
    this.whole.push(whole ? 1 : 0);
    this.unseenFrom.push(this.unseenBits.length);
    this.countsFrom.push(this.excess.length);
    this.unseenBits.append(places);
    for (const { contestLedgerId, option, votes } of counts) {
      this.contests.push(contestLedgerId);
      this.options.push(option);
      this.excess.push(votes);
    }
  }

  /** The block's number here, or null when there is no such block. */
  find({ streamId, seq }: BlockPlace): number | null {
    const range = this.ranges.get(streamId);
    if (range === undefined) return null;
    // Where no block is missing and the first is 1, this is it.
    const expected = range.from + seq - 1;
    if (expected >= range.from && expected < range.to && this.seqs.at(expected) === seq) return expected;
    let { from, to } = range;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.seqs.at(middle) < seq) from = middle + 1;
      else to = middle;
    }
    return from < range.to && this.seqs.at(from) === seq ? from : null;
  }

  /** How many ballots were offered to the block, rounded up to whole bytes of places. */
  offered(block: number): number {
    return (this.unseenEnd(block) - this.unseenFrom.at(block)) * 8;
  }

  /** Whether one of the block's places is set and has not been seen: asked before ballots are, whether it is set. */
  isUnseen(block: number, index: number): boolean {
    if (index >= this.offered(block)) return false;
    return (this.unseenBits.at(this.unseenFrom.at(block) + (index >> 3)) & (1 << (index & 7))) !== 0;
  }

  /** Marks one of the block's places as seen; false when it has been before. */
  see(block: number, index: number): boolean {
    const at = this.unseenFrom.at(block) + (index >> 3);
    const bit = 1 << (index & 7);
    if ((this.unseenBits.at(at) & bit) === 0) return false;
    this.unseenBits.set(at, this.unseenBits.at(at) & ~bit);
    return true;
  }

  /** Takes one ballot off the block's tally. */
  count(place: BlockPlace, block: number, contestLedgerId: number, option: number): void {
    for (let at = this.countsFrom.at(block); at < this.countsEnd(block); at++) {
      if (this.contests.at(at) !== contestLedgerId || this.options.at(at) !== option) continue;
      this.excess.set(at, this.excess.at(at) - 1);
      return;
    }
    const key = `${block}/${contestLedgerId}/${option}`;
    const { streamId, seq } = place;
    const lacking = this.uncounted.get(key) ?? { streamId, seq, contestLedgerId, option, excess: 0 };
    lacking.excess--;
    this.uncounted.set(key, lacking);
  }

  /** The places of whole blocks that no ballot has been seen at. */
  *unseen(): Generator<BlockPlace & { index: number }> {
    for (const { place, block } of this.blocks()) {
      if (this.whole.at(block) === 0) continue;
      const from = this.unseenFrom.at(block);
      for (let at = from; at < this.unseenEnd(block); at++) {
        if (this.unseenBits.at(at) === 0) continue;
        for (let bit = 0; bit < 8; bit++) {
          if ((this.unseenBits.at(at) & (1 << bit)) !== 0) yield { ...place, index: (at - from) * 8 + bit };
        }
      }
    }
  }

  *tallyDifferences(): Generator<TallyDifference> {
    for (const { place, block } of this.blocks()) {
      for (let at = this.countsFrom.at(block); at < this.countsEnd(block); at++) {
        const excess = this.excess.at(at);
        if (excess === 0) continue;
        yield { ...place, contestLedgerId: this.contests.at(at), option: this.options.at(at), excess };
      }
    }
    yield* this.uncounted.values();
  }

  private *blocks(): Generator<{ place: BlockPlace; block: number }> {
    for (const { streamId, from, to } of this.ranges.values()) {
      for (let block = from; block < to; block++) {
        yield { place: { streamId, seq: this.seqs.at(block) }, block };
      }
    }
  }

  private unseenEnd(block: number): number {
    return block + 1 < this.seqs.length ? this.unseenFrom.at(block + 1) : this.unseenBits.length;
  }

  private countsEnd(block: number): number {
    return block + 1 < this.seqs.length ? this.countsFrom.at(block + 1) : this.excess.length;
  }
}
