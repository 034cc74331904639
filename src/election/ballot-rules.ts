/** Which selections are a ballot of a contest. */
import type { Contest } from "./contest.ts";

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
