/** Takes back what was noted and not flushed: first the names, newest first, then what is in the files. */
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { errnoOf } from "../../../src/embedded/errors.ts";
import { type Draw, drawing, type Survival, sectorOf } from "./survival.ts";
import type { Entry, Range, UndoLog } from "./undo-log.ts";

/** What a power loss took away: files whose content went back, and changes of names. */
export type Loss = { files: number; entries: number };

/** `logs` by inode; `keptIn` holds the files that lost their name. */
export function takeBack(
  folder: string,
  keptIn: string,
  logs: Map<number, UndoLog>,
  survival: Survival,
): Loss {
  const draw = drawing(survival);
  const entries = takeBackEntries(keptIn, logs, draw);
  return { entries, files: takeBackContents(folder, logs, draw, sectorOf(survival)) };
}

/** Newest first; of the entries that may survive the oldest do, since file systems keep them in order. */
function takeBackEntries(keptIn: string, logs: Map<number, UndoLog>, draw: Draw): number {
  const flushedSince = ({ kind, detail, time }: Entry) =>
    kind === "made" && (logs.get(detail)?.syncedAt ?? 0n) > time;
  const volatile = [...logs.values()]
    .flatMap(({ entries }) => entries)
    .filter((entry) => !flushedSince(entry))
    .sort((a, b) => (a.time < b.time ? -1 : 1));
  const lost = volatile.slice(draw(volatile.length));
  for (const entry of lost.reverse()) takeBackEntry(entry, keptIn);
  return lost.length;
}

/**
 * Where the place is taken, or gone, something newer is durable, and so this must have been: a change that was noted
 * and then not made looks the same, and is passed over too.
 */
function takeBackEntry({ kind, detail, names }: Entry, keptIn: string): void {
  const [name, second, third] = names as [string, string, string];
  const kept = (each: string) => join(keptIn, each);
  try {
    switch (kind) {
      case "made":
        if (inodeOf(name) === detail) unlinkSync(name);
        return;
      case "removed":
        if (second !== "") linkSync(kept(second), name);
        return;
      case "renamed":
        if (existsSync(name) || inodeOf(second) !== detail) return;
        renameSync(second, name);
        if (third !== "") linkSync(kept(third), second);
        return;
      case "folder made":
        rmdirSync(name);
        return;
      case "folder removed":
        makeFolder(name, detail);
        return;
    }
  } catch (error) {
    if (!["ENOENT", "EEXIST", "ENOTEMPTY"].includes(errnoOf(error) ?? "")) throw error;
  }
}

function inodeOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.ino;
}

function makeFolder(path: string, mode: number): void {
  const { uid, gid } = statSync(dirname(path));
  mkdirSync(path);
  chmodSync(path, mode);
  chownSync(path, uid, gid);
}

/** How many files went back. */
function takeBackContents(
  folder: string,
  logs: Map<number, UndoLog>,
  draw: Draw,
  sectorBytes: number,
): number {
  let files = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const ranges = logs.get(lstatSync(path).ino)?.ranges ?? [];
    if (ranges.length === 0) continue;
    const file = openSync(path, "r+");
    try {
      takeBackRanges(file, ranges, draw, sectorBytes);
    } finally {
      closeSync(file);
    }
    files += 1;
  }
  return files;
}

/** Each sector and the file's size go back by themselves, to one of the states that they were in. */
function takeBackRanges(file: number, ranges: Range[], draw: Draw, sectorBytes: number): void {
  const surviving = new Map<number, number>();
  const survivingIn = (sector: number) => {
    if (!surviving.has(sector)) surviving.set(sector, draw(ranges.length));
    return surviving.get(sector)!;
  };
  for (const [index, range] of [...ranges.entries()].reverse()) {
    const end = range.offset + range.extent;
    for (let at = range.offset; at < end; ) {
      const sector = Math.floor(at / sectorBytes);
      const until = Math.min(end, (sector + 1) * sectorBytes);
      if (index >= survivingIn(sector)) putBack(file, range, at, until);
      at = until;
    }
  }
  const lastLost = ranges[draw(ranges.length)];
  if (lastLost !== undefined) ftruncateSync(file, lastLost.size);
}

function putBack(file: number, { offset, bytes }: Range, from: number, until: number): void {
  const content = Buffer.alloc(until - from); // zeros, where the file had not reached
  bytes.subarray(from - offset, until - offset).copy(content);
  writeSync(file, content, 0, content.length, from);
}
