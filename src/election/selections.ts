/** A ballot's selections: option numbers, 1-based, in order of preference where the method ranks. */

export type Selections = readonly number[];

/** Selections as the ledger keeps them and leaves commit to them: big-endian uint16, one an option. */
export function encodeSelections(selections: Selections): Buffer {
  const bytes = Buffer.allocUnsafe(selectionsBytes(selections));
  writeSelections(bytes, selections, 0);
  return bytes;
}

export function selectionsBytes(selections: Selections): number {
  return selections.length * 2;
}

/** Writes them encoded, and returns where they end. */
export function writeSelections(bytes: Buffer, selections: Selections, at: number): number {
  let end = at;
  for (const selection of selections) end = bytes.writeUInt16BE(selection, end);
  return end;
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
