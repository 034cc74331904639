/** The journal of a replay: every row's answer with its receipt, so that a later run can compare. */
import { closeSync, openSync, readFileSync, truncateSync, writeSync } from "node:fs";
import type { CastAnswer } from "../client/cast.ts";
import type { Fate } from "../client/receipt-follower.ts";
import type { AcceptedReceipt, Receipt } from "../election/receipt.ts";
import { cannot } from "../runtime/file-fault.ts";
import { CommandFailed } from "./failure.ts";

/** One line of NDJSON. An accepted ballot has a second one with what has become of it. */
export type JournalEntry = {
  row: number;
  voter: string;
  status: number;
  code?: string;
  fate?: Fate["fate"];
  receipt?: Receipt | AcceptedReceipt;
};

/** What a voter's ballot was told first, as far as that goes. */
type FirstAnswer = { recorded: Receipt | null; accepted: AcceptedReceipt | null; fate: boolean };

const ENTRY_START = '{"row":';

export class Journal {
  private constructor(
    private readonly file: number,
    private readonly firstAnswers: Map<string, FirstAnswer>,
  ) {}

  /** Reads what is there and appends to it. A last line without its end was being written when the run was killed. */
  static open(path: string): Journal {
    const { file, text } = openFile(path);
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    const cut = text.slice(whole.length);
    // Nothing is written to, and nothing cut off, a file that only a slip made a journal.
    const firstAnswers = firstAnswersOf(path, whole);
    if (!cut.startsWith(ENTRY_START.slice(0, cut.length))) throw notAJournal(path, whole.split("\n").length);
    if (cut !== "") truncateSync(path, Buffer.byteLength(whole));
    return new Journal(file, firstAnswers);
  }

  /**
   * Keeps an answer and says how it differs from the first one, if it does. Written at once: a replay that is
   * killed right after has it.
   */
  keep(row: number, voter: string, answer: CastAnswer): string | null {
    const first = this.firstAnswers.get(voter);
    if (first?.recorded) return answerDifference(first.recorded, answer);
    if (answer.kind === "unresolved") return null;
    // Another place in the log for what has one already is no difference: the ledger takes the first.
    if (first !== undefined && (answer.kind === "refused" || first.accepted !== null)) return null;
    this.write(entryOf(row, voter, answer));
    return null;
  }

  /** The same of what has become of an accepted ballot: once recorded it must be found there, whatever is asked again. */
  keepFate(row: number, voter: string, fate: Fate): string | null {
    const first = this.firstAnswers.get(voter);
    if (first?.recorded) return fateDifference(first.recorded, fate);
    if (fate.fate === "unsettled" || first?.fate) return null;
    const told = { row, voter, status: 200, fate: fate.fate };
    this.write(fate.fate === "recorded" ? { ...told, receipt: fate.receipt } : told);
    return null;
  }

  /** That of the voter's first receipt: with it the very same ballot is cast again. */
  nonceOf(voter: string): string | null {
    const first = this.firstAnswers.get(voter);
    return (first?.recorded ?? first?.accepted)?.nonce ?? null;
  }

  private write(entry: JournalEntry): void {
    remember(this.firstAnswers, entry);
    writeSync(this.file, `${JSON.stringify(entry)}\n`);
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

function entryOf(
  row: number,
  voter: string,
  answer: Exclude<CastAnswer, { kind: "unresolved" }>,
): JournalEntry {
  const entry = { row, voter, status: answer.status };
  return answer.kind === "refused" ? { ...entry, code: answer.code } : { ...entry, receipt: answer.receipt };
}

function notAJournal(path: string, line: number): CommandFailed {
  return new CommandFailed(`${path}, line ${line} is not a replay's: choose another --journal`);
}

function firstAnswersOf(path: string, text: string): Map<string, FirstAnswer> {
  const answers = new Map<string, FirstAnswer>();
  for (const [i, line] of text.split("\n").entries()) {
    if (line === "") continue;
    const entry = parseEntry(line);
    if (entry === null) throw notAJournal(path, i + 1);
    remember(answers, entry);
  }
  return answers;
}

function remember(answers: Map<string, FirstAnswer>, { voter, fate, receipt }: JournalEntry): void {
  const first = answers.get(voter) ?? { recorded: null, accepted: null, fate: false };
  answers.set(voter, first);
  first.fate ||= fate !== undefined;
  if (receipt === undefined) return;
  if ("partition" in receipt) first.accepted ??= receipt;
  else first.recorded ??= receipt;
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
    case "accepted":
      return null;
    case "refused":
      return `was recorded, now answered ${answer.status} ${answer.code}`;
    case "recorded": {
      if (answer.status === 201) return "was recorded, now recorded again as if it were new";
      return receiptDifference(first, answer.receipt);
    }
  }
}

/** The same of a ballot that was recorded after it was accepted. */
export function fateDifference(first: Receipt, fate: Fate): string | null {
  if (fate.fate === "recorded") return receiptDifference(first, fate.receipt);
  return fate.fate === "unsettled" ? null : `was recorded, now told ${fate.fate}: ${fate.reason}`;
}

function receiptDifference(first: Receipt, now: Receipt): string | null {
  const fields = receiptDifferences(first, now);
  return fields.length === 0 ? null : `another receipt than the first: ${fields.join(", ")}`;
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
