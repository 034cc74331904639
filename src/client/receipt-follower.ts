/** Follows accepted ballots, one at a time on one connection, until it is known what has become of each. */
import type { AcceptedReceipt, Receipt } from "../election/receipt.ts";
import { type Origin, originOf } from "./connection.ts";
import { Exchange, type Exchanged } from "./exchange.ts";
import type { Patience } from "./patience.ts";
import { parseProblem, parseRetryAfterMs } from "./problem.ts";

/** What has become of an accepted ballot. */
export type Fate =
  /** It counts, there. */
  | { fate: "recorded"; receipt: Receipt }
  /** Another ballot of its voter counts. */
  | { fate: "duplicate" | "rejected"; reason: string }
  /** The ledger knows of no such ballot, or its answer is no answer. */
  | { fate: "unknown_receipt"; reason: string }
  /** Given up while it was not known. */
  | { fate: "unsettled"; reason: string };

type Asked =
  | { kind: "told"; fate: Fate }
  | { kind: "draining" }
  | { kind: "unanswered"; reason: string; retryAfterMs: number | null };

/** How soon one that is not drained yet is asked after again. */
const DRAINING_POLL_MS = 250;

/** Not for concurrent use: one receipt at a time. */
export class ReceiptFollower {
  private readonly origin: Origin;
  private readonly exchange: Exchange;

  constructor(
    url: string,
    private readonly patience: Patience,
  ) {
    this.origin = originOf(url);
    this.exchange = new Exchange(this.origin);
  }

  /** Asks until it is known, or the patience is exhausted. */
  async follow(receipt: AcceptedReceipt): Promise<Fate> {
    const request = verifyRequest(this.origin, receipt);
    for (let failures = 0; ; ) {
      const asked = readAsked(await this.exchange.send(request));
      if (asked.kind === "told") {
        this.patience.progressed();
        return asked.fate;
      }
      const isDraining = asked.kind === "draining";
      failures = isDraining ? 0 : failures + 1;
      const pauseMs = isDraining ? DRAINING_POLL_MS : asked.retryAfterMs;
      if (await this.patience.pause(failures, pauseMs)) continue;
      return { fate: "unsettled", reason: isDraining ? "it is not recorded yet" : asked.reason };
    }
  }

  close(): void {
    this.exchange.close();
  }
}

function verifyRequest(origin: Origin, receipt: AcceptedReceipt): Buffer {
  const body = JSON.stringify(receipt);
  return Buffer.from(
    "POST /v1/receipts/verify HTTP/1.1\r\n" +
      `Host: ${origin.hostHeader}\r\n` +
      "Content-Type: application/json\r\n" +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function readAsked(exchanged: Exchanged): Asked {
  if ("failure" in exchanged) return unanswered(exchanged.failure.reason, null);
  const { status, body, retryAfter } = exchanged.response;
  const text = body.toString();
  if (status === 200) return readVerification(text);
  const problem = parseProblem(text);
  const words = `${status} ${problem?.code ?? ""}: ${problem?.detail ?? ""}`;
  if (status === 429 || status === 408 || status >= 500) {
    return unanswered(words, parseRetryAfterMs(retryAfter, Date.now()));
  }
  return { kind: "told", fate: { fate: "unknown_receipt", reason: `answered ${words}` } };
}

function readVerification(text: string): Asked {
  const { status, reason = "", receipt } = parsed(text);
  switch (status) {
    case "accepted":
      return { kind: "draining" };
    case "recorded":
      if (receipt === undefined) break;
      return { kind: "told", fate: { fate: "recorded", receipt } };
    case "duplicate":
    case "rejected":
    case "unknown_receipt":
      return { kind: "told", fate: { fate: status, reason } };
  }
  return unanswered("an answer that is none", null);
}

type Verification = { status?: string; reason?: string; receipt?: Receipt };

function parsed(text: string): Verification {
  try {
    return (JSON.parse(text) as Verification | null) ?? {};
  } catch {
    return {};
  }
}

function unanswered(reason: string, retryAfterMs: number | null): Asked {
  return { kind: "unanswered", reason, retryAfterMs };
}
