/** Contests as gateways hand them to each other, and as of when: only those that may still take ballots. */
import { z } from "zod";
import type { TokenKey } from "../admission/secrets.ts";
import { readSignedText, signText } from "../admission/signed-text.ts";
import type { Contest } from "../election/contest.ts";

export type SharedContests = {
  contests: readonly Contest[];
  /** Epoch milliseconds, by the clock of whoever read them. */
  readAtMs: number;
};

const PURPOSE = "contests";

/** A gateway of another release, with other fields, is not understood. The compiler holds it to {@link Contest}. */
const contest = z.strictObject({
  ledgerId: z.int(),
  id: z.string(),
  uuid: z.string(),
  electionUuid: z.string(),
  electionId: z.string(),
  title: z.string(),
  method: z.literal("single-choice"),
  options: z.array(z.strictObject({ number: z.int(), title: z.string() })),
  allowBlank: z.boolean(),
  resultsVisible: z.enum(["live", "final"]),
  allowedOrigins: z.array(z.string()),
  buffering: z.strictObject({
    partitions: z.int(),
    ledgers: z.array(z.int()),
    topicId: z.string().nullable(),
  }),
  opensAtMs: z.number().nullable(),
  closesAtMs: z.number().nullable(),
  closeIsKnown: z.boolean(),
  paused: z.boolean(),
  voided: z.strictObject({ atMs: z.number(), reason: z.string() }).nullable(),
  sealedAtMs: z.null(),
  finalAtMs: z.null(),
  finalTally: z.null(),
}) satisfies z.ZodType<Contest>;

const sharedContests = z.strictObject({ readAtMs: z.number(), contests: z.array(contest) });

export function sharedContestsText(shared: SharedContests, tokenKeys: readonly TokenKey[]): string {
  return signText(tokenKeys[0]!, PURPOSE, JSON.stringify(shared));
}

/** Null for what nobody with one of the keys wrote: whoever can write where it came from can write anything. */
export function parseSharedContests(signed: string, tokenKeys: readonly TokenKey[]): SharedContests | null {
  const text = readSignedText(tokenKeys, PURPOSE, signed);
  if (text === null) return null;
  try {
    return sharedContests.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
