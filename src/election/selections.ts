/** A ballot's selections: option numbers, 1-based, in order of preference where the method ranks. */

export type Selections = readonly number[];

/** Selections as the ledger keeps them and leaves commit to them: big-endian uint16, one an option. */
export function encodeSelections(selections: Selections): Buffer {
  const bytes = Buffer.allocUnsafe(selections.length * 2);
  for (let i = 0; i < selections.length; i++) bytes.writeUInt16BE(selections[i]!, i * 2);
  return bytes;
}

/** The inverse of {@link encodeSelections}. */
export function decodeSelections(bytes: Buffer): number[] {
  const selections: number[] = [];
  for (let at = 0; at + 2 <= bytes.length; at += 2) selections.push(bytes.readUInt16BE(at));
  return selections;
}

export function sameSelections(a: Selections, b: Selections): boolean {
  return a.length === b.length && a.every((selection, i) => selection === b[i]);
}
