/** The voting path over HTTP: casting a ballot, and finding one's own. */
import type { ContestDirectory } from "../contests/directory.ts";
import { originsAllowedBy } from "../contests/routes.ts";
import type { AcceptedReceipt, Receipt } from "../election/receipt.ts";
import { preflight, withCors } from "../http/cors.ts";
import { type BodyBounds, bearerToken, readJsonBody } from "../http/request.ts";
import { failure, json, preparedProblem } from "../http/respond.ts";
import type { Handler, Route } from "../http/server.ts";
import { TOO_MANY } from "../recording/lane.ts";
import { Problem, type ProblemCode } from "../runtime/problem.ts";
import type { AcceptedResult, Casting, RecordedResult } from "./cast.ts";
import type { Intake } from "./intake.ts";
import type { RatedCapacity } from "./rated-capacity.ts";

/** What was answered: recorded, repeated, accepted, or a problem's code. */
export type CastAnswer = "recorded" | "repeated" | "accepted" | ProblemCode;

export type CastingRoutesOptions = {
  body: BodyBounds;
  /** Whether a ballot that comes now is refused whoever's it is. */
  isFull: () => boolean;
  intake: Intake;
  /** Null where it takes all that it can. */
  rated: RatedCapacity | null;
  onAnswer: (answer: CastAnswer, durationMs: number) => void;
  onUnexpected: (error: unknown) => void;
};

/** What is told of requests that are no voter's ballot, or not of this contest: nothing was recorded or looked for. */
const NO_BALLOT: ReadonlySet<CastAnswer> = new Set([
  ...(["invalid_token", "wrong_election", "no_such_contest", "too_many_requests", "invalid_ballot"] as const),
  ...(["malformed_json", "payload_too_large", "unsupported_media_type", "request_timeout"] as const),
]);

const tooMany = preparedProblem("not_recorded", TOO_MANY);

export function castingRoutes(
  casting: Casting,
  directory: ContestDirectory,
  { body, intake, rated, isFull, onAnswer, onUnexpected }: CastingRoutesOptions,
): Route[] {
  // Before anything is looked at, and at once: what a refusal costs is taken from those that are recorded.
  const cast: Handler = (request, parameters) => {
    if (!isFull() && rated?.takes() !== false) return castOne(request, parameters);
    onAnswer("not_recorded", 0);
    return tooMany();
  };
  const castOne = async (request: Request, { contest = "" }: Record<string, string>) => {
    const startedMs = performance.now();
    const told = (answer: CastAnswer) => onAnswer(answer, performance.now() - startedMs);
    intake.begin();
    try {
      const result = await casting.cast(bearerToken(request), contest, () => readJsonBody(request, body));
      if ("accepted" in result) {
        told("accepted");
        return json({ status: "accepted", receipt: acceptedReceiptOf(result) }, 202);
      }
      told(result.isNew ? "recorded" : "repeated");
      return recordedResponse(result);
    } catch (error) {
      const answer = error instanceof Problem ? error.code : "internal_error";
      if (request.signal.aborted || NO_BALLOT.has(answer)) rated?.giveBack();
      if (request.signal.aborted) throw error;
      told(answer);
      return failure(error, onUnexpected);
    } finally {
      intake.end();
    }
  };
  const find: Handler = async (request, { contest = "" }) =>
    recordedResponse(await casting.find(bearerToken(request), contest));

  const allowedOrigins = originsAllowedBy(directory);
  const ballots = "/v1/contests/:contest/ballots";
  const ballot = "/v1/contests/:contest/ballot";
  return [
    withCors({ method: "POST", path: ballots, handle: cast }, allowedOrigins),
    preflight(ballots, "POST", allowedOrigins),
    withCors({ method: "GET", path: ballot, handle: find }, allowedOrigins),
    preflight(ballot, "GET", allowedOrigins),
  ];
}

/** 201 when this request recorded the ballot, 200 when an earlier one had. */
function recordedResponse(result: RecordedResult): Response {
  return json({ status: "recorded", receipt: receiptOf(result) }, result.isNew ? 201 : 200);
}

let lastInstant = { ms: Number.NaN, text: "" };

/** ISO 8601. Those of a batch have one instant and come one after the other; writing it takes 0.6 µs (measured). */
function instantText(ms: number): string {
  if (ms !== lastInstant.ms) lastInstant = { ms, text: new Date(ms).toISOString() };
  return lastInstant.text;
}

/** Built from the ledger's row alone, so that it is the same whenever it is asked for. */
function receiptOf({ ballot, leaf, contest }: RecordedResult): Receipt {
  const receipt: Receipt = {
    contest: contest.uuid,
    leaf,
    nonce: ballot.nonce,
    selections: ballot.selections,
    stream: ballot.streamId,
    seq: ballot.seq,
    index: ballot.index,
    recordedAt: instantText(ballot.recordedAtMs),
  };
  if (ballot.overridden) receipt.durability = "override";
  return receipt;
}

function acceptedReceiptOf({ accepted, ballot, contest }: AcceptedResult): AcceptedReceipt {
  return {
    contest: contest.uuid,
    leaf: ballot.leaf,
    nonce: ballot.nonce,
    selections: ballot.selections,
    partition: accepted.partition,
    offset: accepted.offset,
    acceptedAt: instantText(accepted.acceptedAtMs),
  };
}
