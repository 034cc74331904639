/** The journal put in order: what each request was told, and what is known of each ballot. */
import type { Receipt } from "../../../src/election/receipt.ts";
import type { Entry, Request, SentBallot } from "./journal.ts";

/**
 * - `acknowledged`: with this receipt. `already_voted`: another ballot of the voter's is recorded.
 * - `absent`: no ballot of the voter's is recorded.
 * - `refused`: this request recorded nothing.
 * - `unknown`: it may have recorded the ballot.
 */
export type Told =
  | { told: "acknowledged"; receipt: Receipt }
  | { told: "already_voted" | "absent" | "refused" | "unknown" };

/** `answeredAtMs` is null where no answer came. */
export type Attempt = Request & Told & { answeredAtMs: number | null };

export type Standing = "acknowledged" | "unknown" | "refused";

/** The same voter, selections and nonce, however often they were sent. */
export type CastBallot = SentBallot & { standing: Standing; receipts: Receipt[] };

export type Voter = { voter: string; ballots: CastBallot[]; attempts: Attempt[] };

export type Silence = {
  what: string;
  fromMs: number;
  untilMs: number;
  /** Of all gateways when left out. */
  gateways?: readonly string[];
};

export function attemptsOf(entries: readonly Entry[]): Attempt[] {
  const attempts = new Map<number, Attempt>();
  for (const entry of entries) {
    if (entry.kind === "event") continue;
    if (entry.kind === "request") {
      attempts.set(entry.id, { ...entry, told: "unknown", answeredAtMs: null });
      continue;
    }
    const request = attempts.get(entry.id);
    if (request === undefined)
      throw new Error(`the journal has an answer to ${entry.id}, and no such request`);
    if (entry.kind === "answer") {
      attempts.set(entry.id, { ...request, ...toldBy(entry), answeredAtMs: entry.atMs });
    }
  }
  return [...attempts.values()].flatMap(asAsked);
}

/** Who asked for the own ballot may be given another one than was expected; without an answer nothing is known of any. */
function asAsked(attempt: Attempt): Attempt[] {
  if (!attempt.asks || attempt.told === "absent") return [attempt];
  if (attempt.told !== "acknowledged") return [];
  const { selections, nonce } = attempt.receipt;
  return [{ ...attempt, selections, nonce }];
}

/** Only what the contract says in so many words counts as a refusal; a crashed server's 500 does not. */
function toldBy({ status, code, receipt }: Extract<Entry, { kind: "answer" }>): Told {
  if ((status === 200 || status === 201) && receipt !== null) return { told: "acknowledged", receipt };
  if (status === 409 && code === "already_voted") return { told: "already_voted" };
  if (status === 404 && code === "no_such_ballot") return { told: "absent" };
  const refusal = (status >= 400 && status < 500) || (status === 503 && code === "not_recorded");
  return { told: refusal && code !== null ? "refused" : "unknown" };
}

export function votersOf(attempts: readonly Attempt[]): Voter[] {
  return [...Map.groupBy(attempts, ({ voter }) => voter)].map(([voter, own]) => ({
    voter,
    attempts: own,
    ballots: [
      ...Map.groupBy(
        own.filter(({ told }) => told !== "absent"),
        ballotName,
      ).values(),
    ].map(castBallot),
  }));
}

function ballotName({ selections, nonce }: SentBallot): string {
  return `${selections} ${nonce}`;
}

function castBallot(attempts: Attempt[]): CastBallot {
  const { voter, selections, nonce } = attempts[0]!;
  const receipts = attempts.flatMap((attempt) => (attempt.told === "acknowledged" ? [attempt.receipt] : []));
  const isUnknown = attempts.some(({ told }) => told === "unknown");
  const standing = receipts.length > 0 ? "acknowledged" : isUnknown ? "unknown" : "refused";
  return { voter, selections, nonce, standing, receipts };
}
