/**
 * The lock that lets one Urna at a time use a data folder.
 *
 * It is an operating system's lock, taken through SQLite, because nothing else that Bun offers vanishes with
 * its holder however that dies: a pid file would outlive a SIGKILL, and its pid may be somebody else's by then.
 */
import { Database } from "bun:sqlite";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EmbeddedError } from "./errors.ts";

export type FolderLock = Disposable;

/** A lock nobody refers to is closed, and so released, by the garbage collector (seen): all are kept here. */
const held = new Set<Database>();

/**
 * Locks an existing folder, or throws at once: `folder_in_use` when another process (or this one) holds it,
 * `folder_unusable` when the lock file cannot be made.
 */
export function lockFolder(folder: string): FolderLock {
  const database = openLock(folder);
  try {
    database.run("PRAGMA journal_mode = MEMORY"); // no journal file beside the lock
    database.run("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (!isBusy(error)) throw unusable(folder, error);
    const message = `${folder} is in use by another urna (pid ${holder(folder)}); stop it or choose another --data`;
    throw new EmbeddedError("folder_in_use", message);
  }
  held.add(database);
  // The lock file itself cannot be read while it is locked, so the holder's pid stands beside it.
  writeFileSync(join(folder, "lock.pid"), `${process.pid}\n`);
  return {
    [Symbol.dispose]() {
      if (held.delete(database)) database.close();
    },
  };
}

function openLock(folder: string): Database {
  try {
    return new Database(join(folder, "lock"), { create: true });
  } catch (error) {
    throw unusable(folder, error);
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "SQLITE_BUSY";
}

function unusable(folder: string, cause: unknown): EmbeddedError {
  const message = `cannot write to ${folder} (${(cause as Error).message}); make it writable or choose another --data`;
  return new EmbeddedError("folder_unusable", message, cause);
}

function holder(folder: string): string {
  try {
    return readFileSync(join(folder, "lock.pid"), "utf8").trim();
  } catch {
    return "unknown"; // it has the lock and has not yet written its pid
  }
}
