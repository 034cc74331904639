/**
 * The voters' own journal: every request before it is sent, and every answer, appended to a file. It is what the ledger
 * is judged by, so nothing of Urna's has a part in it.
 */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import type { AcceptedReceipt, Receipt } from "../../../src/election/receipt.ts";

/** One voter's ballot as it was sent; without a nonce the gateway draws one. */
export type SentBallot = { voter: string; selections: readonly number[]; nonce: string | null };

/** All but `cast` ask what became of a ballot: `find` for the voter's own, `verify` with the receipt of an accepted one. */
export type Call = "cast" | "find" | "verify";

/** The ballot is the one that is sent, or that whoever asks expects. */
export type Request = SentBallot & {
  kind: "request";
  id: number;
  atMs: number;
  gateway: string;
  call: Call;
};

/**
 * `receipt` of a recorded ballot, `accepted` with 202; `code` with every refusal; `fate` is what verifying answers: recorded,
 * accepted, duplicate, rejected.
 */
export type Said = {
  status: number;
  code: string | null;
  receipt: Receipt | null;
  accepted: AcceptedReceipt | null;
  fate: string | null;
};

export type Answer = Said & { kind: "answer"; id: number; atMs: number };

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
  /** When ballots were accepted, in order. */
  readonly acceptedAtMs: number[] = [];

  constructor(readonly path: string) {
    this.file = openSync(path, "wx", 0o600);
  }

  /** Returns the request's id. */
  request(gateway: string, { voter, selections, nonce }: SentBallot, call: Call = "cast"): number {
    const id = ++this.requests;
    this.append({ kind: "request", id, atMs: performance.now(), gateway, call, voter, selections, nonce });
    return id;
  }

  answer(id: number, said: Said): void {
    const atMs = performance.now();
    this.append({ kind: "answer", id, atMs, ...said });
    if (said.receipt !== null) this.acknowledgedAtMs.push(atMs);
    if (said.accepted !== null) this.acceptedAtMs.push(atMs);
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

  get accepted(): number {
    return this.acceptedAtMs.length;
  }

  [Symbol.dispose](): void {
    closeSync(this.file);
  }

  private append(entry: Entry): void {
    writeSync(this.file, `${JSON.stringify(entry)}\n`);
  }
}

/** Of what every call of the contract answers. */
type Body = { code?: string; receipt?: Receipt | AcceptedReceipt; status?: string | number };

export function saidBy(call: Call, status: number, body: unknown): Said {
  const { code = null, receipt = null, status: told } = body as Body;
  const isAccepted = receipt !== null && "partition" in receipt;
  return {
    status,
    code,
    receipt: isAccepted ? null : receipt,
    accepted: isAccepted ? receipt : null,
    fate: call === "verify" && typeof told === "string" ? told : null,
  };
}

export function readJournal(path: string): Entry[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Entry);
}
