/** A tally: counts of selections, by contest and option. Tallies add up; the order does not matter. */
import type { Selections } from "./selections.ts";

/** The key that blank ballots are counted under; option numbers begin at 1. */
export const BLANK = 0;

/** Votes by option number; {@link BLANK} counts the blank ballots. */
export type ContestTally = Map<number, number>;

/** Contest tallies by contest uuid. */
export type Tally = Map<string, ContestTally>;

export function countBallot(tally: Tally, contestUuid: string, selections: Selections): void {
  addVotes(tally, contestUuid, selections[0] ?? BLANK, 1);
}

export function addVotes(tally: Tally, contestUuid: string, option: number, votes: number): void {
  const counts: ContestTally = tally.get(contestUuid) ?? new Map();
  counts.set(option, (counts.get(option) ?? 0) + votes);
  tally.set(contestUuid, counts);
}

/** Adds every count of `delta` into `total`. */
export function addTally(total: Tally, delta: Tally): void {
  for (const [contestUuid, counts] of delta) {
    for (const [option, votes] of counts) addVotes(total, contestUuid, option, votes);
  }
}

/** A tally as plain JSON, `{"<contest uuid>": {"<option>": votes}}`: how blocks carry it. */
export type TallyJson = Record<string, Record<string, number>>;

export function tallyToJson(tally: Tally): TallyJson {
  return Object.fromEntries([...tally].map(([uuid, counts]) => [uuid, Object.fromEntries(counts)]));
}

export function tallyFromJson(json: TallyJson): Tally {
  return new Map(
    Object.entries(json).map(([uuid, counts]) => [
      uuid,
      new Map(Object.entries(counts).map(([option, votes]) => [Number(option), votes])),
    ]),
  );
}

/** What differs between two tallies, one line a difference; empty when they agree. */
export function tallyDifferences(nameA: string, a: Tally, nameB: string, b: Tally): string[] {
  const differences: string[] = [];
  for (const uuid of new Set([...a.keys(), ...b.keys()])) {
    const countsA = a.get(uuid) ?? new Map<number, number>();
    const countsB = b.get(uuid) ?? new Map<number, number>();
    for (const option of new Set([...countsA.keys(), ...countsB.keys()])) {
      const votesA = countsA.get(option) ?? 0;
      const votesB = countsB.get(option) ?? 0;
      if (votesA === votesB) continue;
      const what = option === BLANK ? "blank" : `option ${option}`;
      differences.push(`contest ${uuid}, ${what}: ${nameA} ${votesA}, ${nameB} ${votesB}`);
    }
  }
  return differences;
}
