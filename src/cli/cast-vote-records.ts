/** Reads cast vote records: a CSV file (gzipped if named .gz) with a header, one record a line. */
import { createGunzip } from "node:zlib";
import { parse } from "csv-parse/sync";
import { CommandFailed } from "./failure.ts";
import { type Line, readLines } from "./lines.ts";
import { readBytes } from "./read-file.ts";

const LINE_BYTES_MAX = 65_536;

/** Names of the columns that matter. */
export type RecordColumns = { voter: string; choice: string };

/** Rows are numbered as a spreadsheet shows them: the header is row 1. */
export type VoteRecord = { row: number; voter: string; choice: string };
export type MalformedRecord = { row: number; fault: string };

/**
 * Throws when the file cannot be read or its header lacks a column. A record is one line, so
 * that a broken quote costs its own row and not the rest of the file.
 */
export async function* readVoteRecords(
  file: string,
  columns: RecordColumns,
): AsyncGenerator<(VoteRecord | MalformedRecord)[]> {
  const bytes = readBytes(file, file.endsWith(".gz") ? createGunzip() : undefined);
  let header: Header | null = null;
  for await (const lines of readLines(bytes, LINE_BYTES_MAX)) {
    header ??= readHeader(file, lines.shift(), columns);
    yield parseRecords(lines, header);
  }
  if (header === null) throw new CommandFailed(`${file} is empty: it needs a header with the columns' names`);
}

/** How many columns there are, and where those that matter are. */
type Header = { columnCount: number; voter: number; choice: number };

/** What is in the file is not shown before this knows that it is one of cast vote records: it may be anything. */
function readHeader(file: string, line: Line | undefined, columns: RecordColumns): Header {
  const names = line !== undefined && "text" in line ? parseLine(line.text) : "its header cannot be read";
  if (typeof names === "string") throw new CommandFailed(`${file}, row 1: ${names}`);
  const find = (option: string, name: string) => {
    const at = names.indexOf(name);
    if (at !== -1 && names.indexOf(name, at + 1) === -1) return at;
    const what = at === -1 ? "has no column" : "has more than one column";
    throw new CommandFailed(`${file}, row 1 ${what} "${name}" (${option}); it must name the file's columns`);
  };
  return {
    columnCount: names.length,
    voter: find("--voter", columns.voter),
    choice: find("--choice", columns.choice),
  };
}

/** All lines at once, because that is six times faster; line by line when any of them is broken. */
function parseRecords(lines: Line[], header: Header): (VoteRecord | MalformedRecord)[] {
  const texts = lines.map((line) => ("text" in line ? line.text : ""));
  const together = parseTogether(texts);
  return lines.map((line, i) => {
    if ("fault" in line) return { row: line.number, fault: line.fault };
    return readRecord(line.number, together?.[i] ?? parseLine(line.text), header);
  });
}

function parseTogether(texts: string[]): string[][] | null {
  try {
    const records = parse(texts.join("\n"), { relax_column_count: true, record_delimiter: "\n" });
    // A quote that is open at the end of its line swallows lines, and nothing makes up for them.
    return records.length === texts.length ? records : null;
  } catch {
    return null;
  }
}

/** The line's cells, or what is wrong with it. */
function parseLine(text: string): string[] | string {
  try {
    return parse(text, { relax_column_count: true, record_delimiter: "\n" })[0] ?? [""];
  } catch (error) {
    const unclosed = (error as { code?: string }).code === "CSV_QUOTE_NOT_CLOSED";
    return unclosed ? "a quote is opened and not closed" : "its quotes are broken";
  }
}

function readRecord(row: number, cells: string[] | string, header: Header): VoteRecord | MalformedRecord {
  if (typeof cells === "string") return { row, fault: cells };
  if (cells.length !== header.columnCount) {
    return { row, fault: `has ${cells.length} columns, the header has ${header.columnCount}` };
  }
  const voter = cells[header.voter]!;
  if (voter === "") return { row, fault: "names no voter" };
  const choice = cells[header.choice]!;
  if (choice.trim() === "") return { row, fault: "the choice is empty" };
  return { row, voter, choice };
}
