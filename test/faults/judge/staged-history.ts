/** Histories in the making, for the judge's own tests. */
import type { AcceptedReceipt, Receipt } from "../../../src/election/receipt.ts";
import type { Silence } from "./history.ts";
import { type Call, type Entry, type SentBallot, saidBy } from "./journal.ts";
import { type FateCheck, type FinalBallot, type FindingKind, judge, type ReceiptCheck } from "./judge.ts";

/** What voters sent and were told, what the ledger has, and what became of the receipts. */
export class History {
  readonly entries: Entry[] = [];
  readonly silences: Silence[] = [];
  ballots: FinalBallot[] = [];
  checks: ReceiptCheck[] = [];
  fates: FateCheck[] = [];
  openPartitions: number[] = [];
  blocks: Map<number, number> | null = null;
  tally: Map<number, number> | null = null;
  recount: string[] = [];
  private nowMs = 0;
  private requests = 0;
  private offset = 0;

  send(ballot: SentBallot, call: Call = "cast"): number {
    const id = ++this.requests;
    this.entries.push({ kind: "request", id, atMs: ++this.nowMs, gateway: "gateway1", call, ...ballot });
    return id;
  }

  tell(id: number, status: number, code: string | null, receipt: Receipt | null = null): this {
    const body = { ...(code === null ? {} : { code }), ...(receipt === null ? {} : { receipt }) };
    this.entries.push({ kind: "answer", id, atMs: ++this.nowMs, ...saidBy("cast", status, body) });
    return this;
  }

  /** Sent, and accepted at an offset of its own. */
  accept(ballot: SentBallot): AcceptedReceipt {
    const id = this.send(ballot);
    const receipt = acceptedReceiptOf(ballot, this.offset++);
    this.entries.push({ kind: "answer", id, atMs: ++this.nowMs, ...saidBy("cast", 202, { receipt }) });
    return receipt;
  }

  /** Asked, after it was accepted, what became of it, and told so. */
  follow(ballot: SentBallot, status: string, row: FinalBallot | null = null): this {
    const id = this.send(ballot, "verify");
    const body = { status, ...(row === null ? {} : { receipt: receiptOf(row) }) };
    this.entries.push({ kind: "answer", id, atMs: ++this.nowMs, ...saidBy("verify", 200, body) });
    return this;
  }

  /** What verifying answers in the end. */
  fate(voter: string, receipt: AcceptedReceipt, fate: string, row: FinalBallot | null = null): this {
    this.fates.push({ voter, receipt, fate, recorded: row === null ? null : receiptOf(row) });
    return this;
  }

  lose(id: number): this {
    this.entries.push({ kind: "failure", id, atMs: ++this.nowMs, reason: "the connection was lost" });
    return this;
  }

  refuse(ballot: SentBallot, code = "not_recorded"): this {
    return this.tell(this.send(ballot), code === "not_recorded" ? 503 : 409, code);
  }

  /** Sent, and acknowledged with the receipt of that row. */
  acknowledge(ballot: SentBallot, row: FinalBallot): this {
    return this.tell(this.send(ballot), 201, null, receiptOf(row));
  }

  record(...rows: FinalBallot[]): this {
    this.ballots.push(...rows);
    return this;
  }

  check(row: FinalBallot, changes: Partial<ReceiptCheck> = {}): this {
    const receipt = receiptOf(row);
    this.checks.push({ voter: row.voter, receipt, found: receipt, verified: "recorded", ...changes });
    return this;
  }

  silent(work: () => void, of: Silence["of"] = "acknowledged"): this {
    const fromMs = ++this.nowMs;
    work();
    this.silences.push({ what: "no standby is there", fromMs, untilMs: ++this.nowMs, of });
    return this;
  }

  judge() {
    const { entries, ballots, checks, fates, silences, recount, openPartitions } = this;
    const counted = Map.groupBy(ballots, ({ selections }) => selections[0] ?? 0);
    const counts = new Map([...counted].map(([option, rows]) => [option, rows.length]));
    const ledger = { ballots, blocks: this.blocks ?? counts, tally: this.tally ?? counts };
    return judge({ entries, ledger: { ...ledger, recount, openPartitions }, checks, fates, silences });
  }

  kinds(): FindingKind[] {
    return this.judge().findings.map(({ kind }) => kind);
  }
}

export const ANA: FinalBallot = { voter: "ana", selections: [2], nonce: "n1", stream: 1, seq: 7, index: 3 };
export const BEN: FinalBallot = { voter: "ben", selections: [1], nonce: "n2", stream: 1, seq: 7, index: 4 };

export function sent({ voter, selections, nonce }: FinalBallot): SentBallot {
  return { voter, selections, nonce };
}

export function receiptOf({ selections, nonce, stream, seq, index }: FinalBallot): Receipt {
  const where = { stream, seq, index, recordedAt: "2026-03-01T20:15:00.000Z" };
  return { contest: "a contest", leaf: `leaf of ${nonce}`, nonce, selections, ...where };
}

/** The gateway draws a nonce where there is none. */
function acceptedReceiptOf({ selections, nonce }: SentBallot, offset: number): AcceptedReceipt {
  const ballot = { selections: [...selections], nonce: nonce ?? `drawn ${offset}` };
  const where = { partition: 0, offset, acceptedAt: "2026-03-01T20:14:59.000Z" };
  return { contest: "a contest", leaf: `leaf of ${ballot.nonce}`, ...ballot, ...where };
}
