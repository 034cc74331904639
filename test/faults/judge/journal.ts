/**
 * The voters' own journal: every request before it is sent, and every answer, appended to a file. It is what the ledger
 * is judged by, so nothing of Urna's has a part in it.
 */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import type { Receipt } from "../../../src/election/receipt.ts";

/** One voter's ballot as it was sent; without a nonce the gateway draws one. */
export type SentBallot = { voter: string; selections: readonly number[]; nonce: string | null };

/** `asks` for the voter's own ballot, casting none: that one is what the voter expects. */
export type Request = SentBallot & {
  kind: "request";
  id: number;
  atMs: number;
  gateway: string;
  asks: boolean;
};

/** `receipt` with 200 and 201; `code` with every refusal. */
export type Answer = {
  kind: "answer";
  id: number;
  atMs: number;
  status: number;
  code: string | null;
  receipt: Receipt | null;
};

/** The connection was lost, or nothing came in time. */
export type Failure = { kind: "failure"; id: number; atMs: number; reason: string };

/** What was done to the cluster, for people who read the journal. */
export type Event = { kind: "event"; atMs: number; what: string };

/** Times are milliseconds of one clock, this process's. */
export type Entry = Request | Answer | Failure | Event;

export class Journal implements Disposable {
  private readonly file: number;
  private requests = 0;
  /** When ballots were acknowledged, in order. */
  readonly acknowledgedAtMs: number[] = [];

  constructor(readonly path: string) {
    this.file = openSync(path, "wx", 0o600);
  }

  /** Returns the request's id. */
  request(gateway: string, { voter, selections, nonce }: SentBallot, asks = false): number {
    const id = ++this.requests;
    this.append({ kind: "request", id, atMs: performance.now(), gateway, asks, voter, selections, nonce });
    return id;
  }

  answer(id: number, status: number, code: string | null, receipt: Receipt | null): void {
    const atMs = performance.now();
    this.append({ kind: "answer", id, atMs, status, code, receipt });
    if (receipt !== null) this.acknowledgedAtMs.push(atMs);
  }

  failure(id: number, reason: string): void {
    this.append({ kind: "failure", id, atMs: performance.now(), reason });
  }

  event(what: string): void {
    this.append({ kind: "event", atMs: performance.now(), what });
  }

  get acknowledged(): number {
    return this.acknowledgedAtMs.length;
  }

  [Symbol.dispose](): void {
    closeSync(this.file);
  }

  private append(entry: Entry): void {
    writeSync(this.file, `${JSON.stringify(entry)}\n`);
  }
}

export function readJournal(path: string): Entry[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Entry);
}
