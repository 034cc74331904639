/** The journal of a replay: every row's answer with its receipt, so that a later run can compare. */
import { closeSync, openSync, readFileSync, truncateSync, writeSync } from "node:fs";
import type { CastAnswer } from "../client/cast.ts";
import type { Receipt } from "../election/receipt.ts";
import { cannot } from "../runtime/file-fault.ts";
import { CommandFailed } from "./failure.ts";

/** One line of NDJSON. */
export type JournalEntry = { row: number; voter: string; status: number; code?: string; receipt?: Receipt };

const ENTRY_START = '{"row":';

export class Journal {
  private constructor(
    private readonly file: number,
    /** The first receipt that each voter's ballot was answered with; null: answered, without one. */
    private readonly firstReceipts: Map<string, Receipt | null>,
  ) {}

  /** Reads what is there and appends to it. A last line without its end was being written when the run was killed. */
  static open(path: string): Journal {
    const { file, text } = openFile(path);
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    const cut = text.slice(whole.length);
    // Nothing is written to, and nothing cut off, a file that only a slip made a journal.
    const firstReceipts = firstReceiptsOf(path, whole);
    if (!cut.startsWith(ENTRY_START.slice(0, cut.length))) throw notAJournal(path, whole.split("\n").length);
    if (cut !== "") truncateSync(path, Buffer.byteLength(whole));
    return new Journal(file, firstReceipts);
  }

  /**
   * Keeps an answer and says how it differs from the first one, if it does. Written at once: a replay that is
   * killed right after has it.
   */
  keep(row: number, voter: string, answer: CastAnswer): string | null {
    const first = this.firstReceipts.get(voter) ?? null;
    if (first !== null) return answerDifference(first, answer);
    if (answer.kind === "unresolved") return null;
    const receipt = answer.kind === "recorded" ? answer.receipt : null;
    if (receipt === null && this.firstReceipts.has(voter)) return null;
    this.firstReceipts.set(voter, receipt);
    const entry: JournalEntry = { row, voter, status: answer.status };
    if (answer.kind === "recorded") entry.receipt = answer.receipt;
    else entry.code = answer.code;
    writeSync(this.file, `${JSON.stringify(entry)}\n`);
    return null;
  }

  close(): void {
    closeSync(this.file);
  }
}

function openFile(path: string): { file: number; text: string } {
  try {
    return { file: openSync(path, "a+", 0o600), text: readFileSync(path, "utf8") };
  } catch (error) {
    throw cannot("write", path, error);
  }
}

function notAJournal(path: string, line: number): CommandFailed {
  return new CommandFailed(`${path}, line ${line} is not a replay's: choose another --journal`);
}

function firstReceiptsOf(path: string, text: string): Map<string, Receipt | null> {
  const receipts = new Map<string, Receipt | null>();
  for (const [i, line] of text.split("\n").entries()) {
    if (line === "") continue;
    const entry = parseEntry(line);
    if (entry === null) throw notAJournal(path, i + 1);
    receipts.set(entry.voter, receipts.get(entry.voter) ?? entry.receipt ?? null);
  }
  return receipts;
}

function parseEntry(line: string): JournalEntry | null {
  try {
    const entry = JSON.parse(line) as JournalEntry;
    return typeof entry.voter === "string" && typeof entry.status === "number" ? entry : null;
  } catch {
    return null;
  }
}

/** How an answer differs from a ballot's first receipt; null when it is the same, or when there was no answer. */
export function answerDifference(first: Receipt, answer: CastAnswer): string | null {
  switch (answer.kind) {
    case "unresolved":
      return null;
    case "refused":
      return `was recorded, now answered ${answer.status} ${answer.code}`;
    case "recorded": {
      if (answer.status === 201) return "was recorded, now recorded again as if it were new";
      const fields = receiptDifferences(first, answer.receipt);
      return fields.length === 0 ? null : `another receipt than the first: ${fields.join(", ")}`;
    }
  }
}

/** `seq 12, now 13`, for every field that is in either receipt. */
function receiptDifferences(first: Receipt, now: Receipt): string[] {
  const fields = new Set([...Object.keys(first), ...Object.keys(now)]) as Set<keyof Receipt>;
  const differences: string[] = [];
  for (const field of fields) {
    const before = JSON.stringify(first[field]);
    const after = JSON.stringify(now[field]);
    if (before !== after) differences.push(`${field} ${before}, now ${after}`);
  }
  return differences;
}
