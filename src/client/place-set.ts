/** The places that receipts named, in the ledger or in the log: what makes sure that a ballot is counted once. */

const FIRST_BYTES = 64;

/** A bit a place: 100 million receipts fit in memory. */
export class PlaceSet {
  private readonly blocksByStream = new Map<number, Map<number, Uint8Array>>();

  /** True when the place was not there before. */
  add(stream: number, seq: number, index: number): boolean {
    let blocks = this.blocksByStream.get(stream);
    if (blocks === undefined) {
      blocks = new Map();
      this.blocksByStream.set(stream, blocks);
    }
    const byte = index >>> 3;
    let bits = blocks.get(seq);
    if (bits === undefined || byte >= bits.length) {
      bits = grown(bits, byte);
      blocks.set(seq, bits);
    }
    const bit = 1 << (index & 7);
    if ((bits[byte]! & bit) !== 0) return false;
    bits[byte]! |= bit;
    return true;
  }
}

function grown(bits: Uint8Array | undefined, byte: number): Uint8Array {
  let length = bits?.length ?? FIRST_BYTES;
  while (length <= byte) length *= 2;
  const larger = new Uint8Array(length);
  if (bits !== undefined) larger.set(bits);
  return larger;
}
