/** The events of a results stream as Server-Sent Events (HTML standard, section 9.2), encoded once for all viewers. */
import { hash } from "node:crypto";
import type { ResultsAnswer } from "../election/answers.ts";
import type { TurnoutSeries } from "./turnout-history.ts";

/** Why a stream ends. */
export type GoodbyeReason = "slow_viewer" | "shutting_down";

const encoder = new TextEncoder();

export const KEEP_ALIVE: Uint8Array = encoder.encode(": keep-alive\n\n");

/** A whole snapshot, so that nobody needs an earlier event to understand it. */
export function resultsEvent(results: ResultsAnswer, version: string): Uint8Array {
  return event("results", results, `id: ${version}\n`);
}

/**
 * Names what the results say, but not as of when. Made from what is shown and nothing else: every process gives the
 * same figures the same version, and hidden choices can't be guessed from it.
 */
export function versionOf({ asOf: _, ...shown }: ResultsAnswer): string {
  return hash("sha256", JSON.stringify(shown), "base64url").slice(0, 16);
}

export function historyEvent({ intervalMs, endsAtMs, turnout }: TurnoutSeries): Uint8Array {
  return event("history", { intervalMs, endsAt: new Date(endsAtMs).toISOString(), turnout });
}

export function goodbyeEvent(reason: GoodbyeReason): Uint8Array {
  return event("goodbye", { reason });
}

/** When to come back after the stream ended, jittered: those who lost it together do not come back together. */
export function retryField(): Uint8Array {
  return encoder.encode(`retry: ${1_000 + Math.floor(Math.random() * 3_000)}\n\n`);
}

function event(name: string, data: object, fields = ""): Uint8Array {
  return encoder.encode(`event: ${name}\n${fields}data: ${JSON.stringify(data)}\n\n`);
}
