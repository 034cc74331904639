/** A ballot's selections: option numbers, 1-based, in order of preference where the method ranks. */
import type { Contest } from "./contest.ts";

export type Selections = readonly number[];

/** Why selections are not a ballot of this contest, in words for the voter, or null when they are. */
export function selectionsFault(contest: Contest, selections: unknown): string | null {
  if (!Array.isArray(selections)) return "selections must be an array of option numbers";
  if (selections.length === 0) {
    return contest.allowBlank ? null : "this contest does not take blank ballots: select one option";
  }
  if (selections.length > 1) return "select one option only";
  const [selection] = selections;
  if (!Number.isInteger(selection)) return "a selection must be an option's number, a whole number";
  if (selection < 1 || selection > contest.options.length) {
    return `there is no such option: the numbers go from 1 to ${contest.options.length}`;
  }
  return null;
}

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
