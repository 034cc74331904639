/**
 * Power loss without a machine to unplug: programs run with shim.c loaded, which notes how to take back every change
 * of their data folder that they have not flushed; when they have been killed, `fail` takes those changes back.
 *
 *   const environment = powerLoss.environment(dataFolder);   // start the programs with it
 *   … SIGKILL to all of them …
 *   powerLoss.fail(dataFolder, "none");                      // start them again with the same environment
 *
 * Harsher than most disks: a write that no fsync asked for never survives ("none"), and a new, renamed or removed
 * name is lost unless the folder was flushed. Milder in one point, as ext4, XFS and Btrfs are: to flush a new file
 * makes its name durable too. PostgreSQL relies on that for the files of tables.
 *
 * Not modelled: a disk that flushes and says so falsely; sectors gone bad; owner and mode of files; the order of
 * removals inside a folder that was itself removed. What the shim can't take back (a file mapped for writing, a
 * second link, a move to another folder, syncfs) ends the program. Raw system calls and io_uring pass it by:
 * PostgreSQL's own io_method must not be io_uring.
 */
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { errnoOf } from "../../../src/embedded/errors.ts";
import { processesIn } from "../../../src/embedded/processes.ts";
import { compile } from "./compiler.ts";
import { type Draw, drawing, type Survival, sectorOf } from "./survival.ts";
import { type Entry, parseUndoLog, type Range, type UndoLog } from "./undo-log.ts";

/** What a power loss took away: files whose content went back, and names. */
export type Loss = { files: number; entries: number };

/** Compiled once a run, for the first folder, and copied from there. */
let compiled: string | undefined;

/**
 * What a program that changes `dataFolder` is to be started with. What is in the folder when it is called first is
 * taken for durable. The notes lie beside it, in `<dataFolder>.power-loss`, and belong to the folder's owner.
 */
export function environment(dataFolder: string): Record<string, string> {
  const folder = realpathSync(dataFolder);
  const side = sideOf(folder);
  const library = join(side, "shim.so");
  if (!existsSync(side)) {
    const { uid, gid } = statSync(folder);
    for (const path of [side, join(side, "undo"), join(side, "kept")]) {
      mkdirSync(path, { mode: 0o700 });
      chownSync(path, uid, gid);
    }
    if (compiled !== undefined && existsSync(compiled)) copyFileSync(compiled, library);
    else compile("shim.c", library, "library");
    compiled = library;
  }
  return { LD_PRELOAD: library, POWER_LOSS_FOLDER: folder, POWER_LOSS_SIDE: side };
}

/**
 * Puts the folder back to what was durable, and what `survival` adds to that. All programs that change the folder
 * must have been killed. Throws when PostgreSQL still runs there, or ran without the shim.
 */
export function fail(dataFolder: string, survival: Survival): Loss {
  const folder = realpathSync(dataFolder);
  const side = sideOf(folder);
  const running = processesIn(folder);
  if (running.length > 0) throw new Error(`${folder} is in use by ${running.join(", ")}: kill them first`);
  const logs = readLogs(side);
  if (logs.size === 0) throw new Error(`nothing was noted of ${folder}: the shim was not loaded`);
  const draw = drawing(survival);
  const entries = takeBackEntries(side, logs, draw);
  const files = takeBackContents(folder, logs, draw, sectorOf(survival));
  for (const name of ["undo", "kept"]) {
    for (const each of readdirSync(join(side, name))) rmSync(join(side, name, each));
  }
  return { files, entries };
}

const sideOf = (folder: string) => `${folder}.power-loss`;

function readLogs(side: string): Map<number, UndoLog> {
  const undo = join(side, "undo");
  return new Map(
    readdirSync(undo).map((name) => [Number(name), parseUndoLog(readFileSync(join(undo, name)))]),
  );
}

/** Newest first; of the entries that may survive the oldest do, since file systems keep them in order. */
function takeBackEntries(side: string, logs: Map<number, UndoLog>, draw: Draw): number {
  const flushedSince = ({ kind, detail, time }: Entry) =>
    kind === "made" && (logs.get(detail)?.syncedAt ?? 0n) > time;
  const volatile = [...logs.values()]
    .flatMap(({ entries }) => entries)
    .filter((entry) => !flushedSince(entry))
    .sort((a, b) => (a.time < b.time ? -1 : 1));
  const lost = volatile.slice(draw(volatile.length));
  for (const entry of lost.reverse()) takeBackEntry(entry, join(side, "kept"));
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
  bytes.copy(content, 0, from - offset, until - offset);
  writeSync(file, content, 0, content.length, from);
}
