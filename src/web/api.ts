/** The pages' calls to the gateway: bounded in time, and never rejecting. */

import type { ContestAnswer } from "../election/answers.ts";
import type { AcceptedReceipt } from "../election/receipt.ts";
import {
  type Answer,
  type Fate,
  type ReadResponse,
  readAnswer,
  readFate,
  readRetryAfterMs,
} from "./answer.ts";
import type { Ballot } from "./casting.ts";
import { asObject } from "./wire.ts";

/** Past this an attempt's outcome is unknown. A gateway answers or refuses well before. */
const TIMEOUT_MS = 15_000;

/** What a call found: the thing, that there is none, or nothing certain. */
export type Found<T> = { found: T; clockOffsetMs: number } | "missing" | "unavailable";

export async function castBallot(contest: string, token: string, ballot: Ballot): Promise<Answer> {
  const response = await call(`/v1/contests/${encodeURIComponent(contest)}/ballots`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ selections: ballot.selections, nonce: ballot.nonce }),
  });
  return response === null ? { kind: "unknown", retryAfterMs: 0 } : readAnswer(response, ballot.nonce);
}

export async function verifyReceipt(receipt: AcceptedReceipt): Promise<Fate> {
  const response = await call("/v1/receipts/verify", postOf(receipt));
  return response === null ? { fate: "pending", retryAfterMs: 0 } : readFate(response, receipt.nonce);
}

export async function getContest(contest: string): Promise<Found<ContestAnswer>> {
  const response = await call(`/v1/contests/${encodeURIComponent(contest)}`, {});
  if (response?.status === 404 && asObject(response.body).code === "no_such_contest") return "missing";
  if (response?.status !== 200 || !Array.isArray(asObject(response.body).options)) return "unavailable";
  return { found: response.body as ContestAnswer, clockOffsetMs: response.clockOffsetMs };
}

export async function getContests(): Promise<ContestAnswer[] | null> {
  const response = await call("/v1/contests", {});
  const contests = asObject(response?.body).contests;
  return response?.status === 200 && Array.isArray(contests) ? contests : null;
}

/** A voter token of a development server, whose cookie makes it the same voter each time; null when refused. */
export async function askAdmission(contest: string): Promise<string | null> {
  const response = await call("/dev/admission", postOf({ contest }));
  const token = asObject(response?.body).token;
  return typeof token === "string" ? token : null;
}

function postOf(body: unknown): RequestInit {
  return { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

/** The response, read whole; null when there was none in time. */
async function call(
  path: string,
  init: RequestInit,
): Promise<(ReadResponse & { clockOffsetMs: number }) | null> {
  try {
    const response = await fetch(path, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
    const text = await response.text();
    const nowMs = Date.now();
    return {
      status: response.status,
      retryAfterMs: readRetryAfterMs(response.headers.get("retry-after"), nowMs),
      body: parsed(text),
      clockOffsetMs: clockOffsetMs(response.headers, nowMs),
    };
  } catch {
    return null;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** How far the server's clock is ahead of this device's: phones with a wrong clock must not miss the opening. */
function clockOffsetMs(headers: Headers, nowMs: number): number {
  const serverMs = Date.parse(headers.get("date") ?? "") + Number(headers.get("age") ?? 0) * 1000;
  const offsetMs = serverMs - nowMs;
  // Date counts whole seconds: a smaller difference says nothing.
  return Math.abs(offsetMs) > 2_000 ? offsetMs : 0;
}
