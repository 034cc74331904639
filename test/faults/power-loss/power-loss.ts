/**
 * Power loss without a machine to unplug: programs run with shim.c loaded, which notes how to take back every change
 * of their data folder that they have not flushed; when they have been killed, `fail` takes those changes back.
 *
 *   const environment = powerLoss.environment(dataFolder, 5); // start the programs with it
 *   powerLoss.cut(dataFolder);
 *   … SIGKILL to all of them …
 *   powerLoss.fail(dataFolder, "none");                      // start them again with the same environment
 *
 * Harsher than most disks: a write that no fsync asked for never survives ("none"), and a new, renamed or removed
 * name is lost unless the folder was flushed. Milder in one point, as ext4, XFS and Btrfs are: to flush a new file
 * makes its name durable too. PostgreSQL relies on that: without it, a table made before a checkpoint was gone after.
 *
 * Not modelled: a disk that flushes and says so falsely; sectors gone bad; owner and mode of files; the order of
 * removals inside a folder that was itself removed. What the shim can't take back (a file mapped for writing, a
 * second link, a move to another folder, syncfs) ends the program. Raw system calls and io_uring pass it by:
 * PostgreSQL's own io_method must not be io_uring.
 */
import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { processesIn } from "../../../src/embedded/processes.ts";
import { compile } from "./compiler.ts";
import type { Survival } from "./survival.ts";
import { type Loss, takeBack } from "./take-back.ts";
import { parseUndoLog, type UndoLog } from "./undo-log.ts";

/** Compiled once a run, for the first folder, and copied from there. */
let compiled: string | undefined;

/** There since `environment` was asked for, until power fails. */
const STARTED = "started";
/** There from `cut` to `fail`; the shim looks for it. */
const OFF = "off";

/**
 * What a program that changes `dataFolder` is to be started with; to be asked for at every start. What is in the
 * folder at the first start is taken for durable. The notes lie beside it, in `<dataFolder>.power-loss`, and belong to
 * the folder's owner. `flushMs` is how long a flush takes at least that has something to flush: on a slow disk there is
 * time for the power to fail before it is done. Throws where there is no C compiler.
 */
export function environment(dataFolder: string, flushMs: number): Record<string, string> {
  const folder = realpathSync(dataFolder);
  const side = sideOf(folder);
  const library = join(side, "shim.so");
  if (!existsSync(library)) {
    const { uid, gid } = statSync(folder);
    for (const path of [side, join(side, "undo"), join(side, "kept")]) {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      chownSync(path, uid, gid);
    }
    if (compiled !== undefined && existsSync(compiled)) copyFileSync(compiled, library);
    else compile("shim.c", library, "library");
    compiled = library;
  }
  writeFileSync(join(side, STARTED), "");
  return {
    LD_PRELOAD: library,
    POWER_LOSS_FOLDER: folder,
    POWER_LOSS_SIDE: side,
    POWER_LOSS_FLUSH_MS: String(flushMs),
  };
}

/**
 * From now on nothing becomes durable in the folder: whoever flushes something never hears that it was. To find and
 * kill all processes takes tens of milliseconds; this makes one moment of it.
 */
export function cut(dataFolder: string): void {
  writeFileSync(join(sideOf(realpathSync(dataFolder)), OFF), "");
}

/**
 * Puts the folder back to what was durable, and what `survival` adds to that. All programs that change the folder
 * must have been killed. Throws when PostgreSQL still runs there, or was started and ran without the shim.
 */
export function fail(dataFolder: string, survival: Survival): Loss {
  const folder = realpathSync(dataFolder);
  const side = sideOf(folder);
  const running = processesIn(folder);
  if (running.length > 0) throw new Error(`${folder} is in use by ${running.join(", ")}: kill them first`);
  const logs = readLogs(side);
  if (logs.size === 0 && existsSync(join(side, STARTED)))
    throw new Error(`nothing was noted of ${folder}: the shim was not loaded`);
  const loss = takeBack(folder, join(side, "kept"), logs, survival);
  for (const name of ["undo", "kept"]) {
    for (const each of readdirSync(join(side, name))) rmSync(join(side, name, each));
  }
  for (const name of [STARTED, OFF]) rmSync(join(side, name), { force: true });
  return loss;
}

const sideOf = (folder: string) => `${folder}.power-loss`;

function readLogs(side: string): Map<number, UndoLog> {
  const undo = join(side, "undo");
  return new Map(
    readdirSync(undo).map((name) => [Number(name), parseUndoLog(readFileSync(join(undo, name)))]),
  );
}
