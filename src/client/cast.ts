/** Casts ballots, one at a time on one connection, and repeats each until its answer is final. */
import type { AcceptedReceipt, Receipt } from "../election/receipt.ts";
import { type BallotToCast, ballotRequest } from "./ballot-request.ts";
import { type ExchangeFailure, originOf } from "./connection.ts";
import { Exchange } from "./exchange.ts";
import type { Patience } from "./patience.ts";
import { parseProblem, parseRetryAfterMs } from "./problem.ts";
import type { ResponseReader } from "./response-reader.ts";

/** What became of a ballot, as far as this client will ever know. */
export type CastAnswer =
  /** On the ledger: 201 now, 200 before. */
  | { kind: "recorded"; status: 200 | 201; receipt: Receipt }
  /** On its way to a ledger, 202: what becomes of it, the receipt's verification tells. */
  | { kind: "accepted"; status: 202; receipt: AcceptedReceipt }
  | { kind: "refused"; status: number; code: string; detail: string }
  /** Given up. With `outcomeUnknown` it may count, or come to count; casting it again is safe. */
  | { kind: "unresolved"; outcomeUnknown: boolean; reason: string };

/** One attempt's result; `retry` says that the same ballot has to be cast again to know. */
export type Attempt =
  | { kind: "final"; answer: CastAnswer }
  | { kind: "retry"; outcomeUnknown: boolean; retryAfterMs: number | null; reason: string };

/** Not for concurrent use: one ballot at a time. */
export class BallotCaster {
  private readonly origin;
  private readonly exchange: Exchange;

  constructor(
    url: string,
    private readonly patience: Patience,
  ) {
    this.origin = originOf(url);
    this.exchange = new Exchange(this.origin);
  }

  /** Repeats the same selections and nonce while the answer is not final and the patience lasts. */
  async cast(ballot: BallotToCast): Promise<CastAnswer> {
    const request = ballotRequest(this.origin, ballot);
    let outcomeUnknown = false;
    for (let attempts = 1; ; attempts++) {
      const attempt = await this.send(request);
      if (attempt.kind === "final") {
        this.patience.progressed();
        return finalAnswer(attempt.answer, outcomeUnknown);
      }
      outcomeUnknown ||= attempt.outcomeUnknown;
      if (!(await this.patience.pause(attempts, attempt.retryAfterMs))) {
        return { kind: "unresolved", outcomeUnknown, reason: attempt.reason };
      }
    }
  }

  close(): void {
    this.exchange.close();
  }

  private async send(request: Buffer): Promise<Attempt> {
    const exchanged = await this.exchange.send(request);
    return "response" in exchanged ? readAttempt(exchanged.response) : failedAttempt(exchanged.failure);
  }
}

/**
 * After an unknown outcome only 200, 201 and 409 speak of every attempt so far: a token that has expired
 * meanwhile, say, tells nothing about the attempt before it.
 */
function finalAnswer(answer: CastAnswer, outcomeUnknown: boolean): CastAnswer {
  if (!outcomeUnknown || answer.kind !== "refused" || answer.status === 409) return answer;
  return {
    kind: "unresolved",
    outcomeUnknown,
    reason: `an earlier attempt's outcome is unknown, then ${answer.code}`,
  };
}

function failedAttempt({ sent, reason }: ExchangeFailure): Attempt {
  return { kind: "retry", outcomeUnknown: sent, retryAfterMs: null, reason };
}

/** What one response says about a ballot. */
export function readAttempt(response: Pick<ResponseReader, "status" | "body" | "retryAfter">): Attempt {
  const { status } = response;
  const body = response.body.toString();
  if (status === 200 || status === 201) return readRecorded(status, body);
  if (status === 202) return readAccepted(body);
  const problem = parseProblem(body);
  const code = problem?.code ?? `http_${status}`;
  if (status === 429 || status === 408 || status >= 500) {
    return {
      kind: "retry",
      // Only the contract's own words are a promise that nothing was recorded; a proxy's 503 is not.
      outcomeUnknown: !(status === 429 || (status === 503 && code === "not_recorded")),
      retryAfterMs: parseRetryAfterMs(response.retryAfter, Date.now()),
      reason: problem?.detail ? `${code}: ${problem.detail}` : code,
    };
  }
  return { kind: "final", answer: { kind: "refused", status, code, detail: problem?.detail ?? "" } };
}

function readRecorded(status: 200 | 201, body: string): Attempt {
  const receipt = receiptIn<Receipt>(body);
  if (receipt === null) return withoutReceipt(status);
  return { kind: "final", answer: { kind: "recorded", status, receipt } };
}

/** One without its place can't be followed, and so is no answer. */
function readAccepted(body: string): Attempt {
  const receipt = receiptIn<AcceptedReceipt>(body);
  const hasPlace = receipt !== null && isPlace(receipt.partition) && isPlace(receipt.offset);
  if (!hasPlace) return withoutReceipt(202);
  return { kind: "final", answer: { kind: "accepted", status: 202, receipt } };
}

function receiptIn<AnyReceipt>(body: string): AnyReceipt | null {
  try {
    return (JSON.parse(body) as { receipt?: AnyReceipt }).receipt ?? null;
  } catch {
    return null;
  }
}

function withoutReceipt(status: number): Attempt {
  return { kind: "retry", outcomeUnknown: true, retryAfterMs: null, reason: `${status} without a receipt` };
}

function isPlace(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
