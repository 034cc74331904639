/**
 * Places: which of a batch's ballots its block newly recorded, one bit an index, lowest bit of a byte first.
 *
 * A ballot's index is its place in the batch as offered. The block's leaves are dense, so a leaf is found at the
 * number of set bits before its index. That keeps a receipt's index independent of what other gateways recorded
 * while this batch was on its way.
 */

export function placesOf(indexes: readonly number[], offered: number): Buffer {
  const places = Buffer.alloc(Math.ceil(offered / 8));
  for (const index of indexes) places[index >> 3]! |= 1 << (index & 7);
  return places;
}

/** All that were offered. */
export function allPlaces(offered: number): Buffer {
  const places = Buffer.alloc(Math.ceil(offered / 8), 0xff);
  if (offered % 8 > 0) places[places.length - 1] = (1 << (offered & 7)) - 1;
  return places;
}

export function hasPlace(places: Buffer, index: number): boolean {
  return ((places[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
}

/** How many ballots were newly recorded before this index, or null when that of this index was not. */
export function rankOf(places: Buffer, index: number): number | null {
  return hasPlace(places, index) ? countBefore(places, index) : null;
}

/** How many ballots were newly recorded before this index. */
export function countBefore(places: Buffer, index: number): number {
  let count = bitCount((places[index >> 3] ?? 0) & ((1 << (index & 7)) - 1));
  for (let at = 0; at < Math.min(index >> 3, places.length); at++) count += bitCount(places[at]!);
  return count;
}

export function countPlaces(places: Buffer): number {
  let count = 0;
  for (const byte of places) count += bitCount(byte);
  return count;
}

function bitCount(byte: number): number {
  let count = 0;
  for (let bits = byte; bits !== 0; bits &= bits - 1) count++;
  return count;
}
