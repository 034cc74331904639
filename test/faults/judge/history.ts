/** The journal put in order: what each request was told, and what is known of each ballot. */
import type { AcceptedReceipt, Receipt } from "../../../src/election/receipt.ts";
import type { Answer, Entry, Request, SentBallot } from "./journal.ts";

/**
 * - `acknowledged`: it is recorded, with this receipt. `already_voted`: another ballot of the voter's is recorded.
 * - `accepted`: it will be recorded, or is a duplicate of the voter's recorded one. `rejected`: of such a one, that it won't.
 * - `absent`: no ballot of the voter's is recorded.
 * - `refused`: this request recorded nothing.
 * - `unknown`: it may have recorded the ballot.
 */
export type Told =
  | { told: "acknowledged"; receipt: Receipt }
  | { told: "accepted"; receipt: AcceptedReceipt }
  | { told: "already_voted" | "absent" | "refused" | "rejected" | "unknown" };

/** `answeredAtMs` is null where no answer came. */
export type Attempt = Request & Told & { answeredAtMs: number | null };

/** The best that was told of it. */
export type Standing = "acknowledged" | "accepted" | "unknown" | "refused";

/** The same voter, selections and nonce, however often they were sent, and all its receipts. */
export type CastBallot = SentBallot & {
  standing: Standing;
  receipts: Receipt[];
  accepted: AcceptedReceipt[];
};

export type Voter = { voter: string; ballots: CastBallot[]; attempts: Attempt[] };

export type Silence = {
  what: string;
  fromMs: number;
  untilMs: number;
  /** What nobody may be told: that a ballot is recorded, or that it is accepted. */
  of: "acknowledged" | "accepted";
  /** Of all gateways when left out. */
  gateways?: readonly string[];
  /** Of all voters when left out. */
  concerns?: (voter: string) => boolean;
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

/**
 * Who asks may be told of another ballot than was expected; without an answer nothing is known of any. Whose ballot was
 * accepted without a nonce knows the gateway's from then on.
 */
function asAsked(attempt: Attempt): Attempt[] {
  const { call, told } = attempt;
  if (call !== "cast" && (told === "unknown" || told === "refused")) return [];
  if (told !== "accepted" && (told !== "acknowledged" || call === "cast")) return [attempt];
  const { selections, nonce } = attempt.receipt;
  return [{ ...attempt, selections, nonce }];
}

/** Only what the contract says in so many words counts as a refusal; a crashed server's 500 does not. */
function toldBy({ status, code, receipt, accepted, fate }: Answer): Told {
  if (fate !== null && receipt === null) return toldOfFate(fate);
  if ((status === 200 || status === 201) && receipt !== null) return { told: "acknowledged", receipt };
  if (status === 202 && accepted !== null) return { told: "accepted", receipt: accepted };
  if (status === 409 && code === "already_voted") return { told: "already_voted" };
  if (status === 404 && code === "no_such_ballot") return { told: "absent" };
  const refusal = (status >= 400 && status < 500) || (status === 503 && code === "not_recorded");
  return { told: refusal && code !== null ? "refused" : "unknown" };
}

function toldOfFate(fate: string): Told {
  if (fate === "accepted") return { told: "unknown" };
  return { told: fate === "duplicate" ? "already_voted" : "rejected" };
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
  const accepted = attempts.flatMap((attempt) => (attempt.told === "accepted" ? [attempt.receipt] : []));
  return { voter, selections, nonce, standing: standingOf(attempts), receipts, accepted };
}

function standingOf(attempts: readonly Attempt[]): Standing {
  const best = (["acknowledged", "accepted", "unknown"] as const).find((standing) =>
    attempts.some(({ told }) => told === standing),
  );
  return best ?? "refused";
}
