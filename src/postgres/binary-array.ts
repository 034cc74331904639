/**
 * Arrays in PostgreSQL's binary format (array_recv in its arrayfuncs.c), which the driver sends buffers as: what a batch
 * says of thousands of ballots. As text they are longer, and both sides spend more on them.
 */

import { UUID_BYTES } from "../ledger/uuid.ts";

/** How one type's elements are written. */
export type ElementType<T> = {
  /** PostgreSQL's own number of the type (pg_type.dat). */
  oid: number;
  bytesOf: (value: T) => number;
  write: (array: Buffer, value: T, at: number) => void;
};

export const INT2: ElementType<number> = {
  oid: 21,
  bytesOf: () => 2,
  write: (array, value, at) => array.writeInt16BE(value, at),
};

export const INT4: ElementType<number> = {
  oid: 23,
  bytesOf: () => 4,
  write: (array, value, at) => array.writeInt32BE(value, at),
};

/** Of a uuid's 32 hexadecimal digits. */
export const UUID_OF_HEX: ElementType<string> = {
  oid: 2950,
  bytesOf: () => UUID_BYTES,
  write: (array, hex, at) => array.write(hex, at, "hex"),
};

/** Of 16 bytes in base64url. */
export const UUID_OF_BASE64URL: ElementType<string> = {
  oid: 2950,
  bytesOf: () => UUID_BYTES,
  write: (array, text, at) => array.write(text, at, "base64url"),
};

const HEADER_BYTES = 20;
const LENGTH_BYTES = 4;

/** One dimension, no nulls. `of` gives an item's value. */
export function binaryArray<Item, T>(
  { oid, bytesOf, write }: ElementType<T>,
  items: readonly Item[],
  of: (item: Item) => T,
): Buffer {
  let bytes = HEADER_BYTES;
  for (const item of items) bytes += LENGTH_BYTES + bytesOf(of(item));
  const array = Buffer.allocUnsafe(bytes);
  // Dimensions, whether there are nulls, the elements' type; then the one dimension's length and first index.
  for (const [i, field] of [1, 0, oid, items.length, 1].entries()) array.writeInt32BE(field, 4 * i);
  let at = HEADER_BYTES;
  for (const item of items) {
    const value = of(item);
    const length = bytesOf(value);
    array.writeInt32BE(length, at);
    at += LENGTH_BYTES;
    write(array, value, at);
    at += length;
  }
  return array;
}
