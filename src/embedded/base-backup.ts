/**
 * A base backup through PostgreSQL's low-level interface, since npm's binaries bring no pg_basebackup.
 * https://www.postgresql.org/docs/18/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
 */
import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { EmbeddedError, errnoOf } from "./errors.ts";
import type { ServerUser } from "./server-user.ts";
import { type Client, startBackup, stopBackup } from "./statements.ts";

/** Copied as empty folders: their contents are of no use to a standby, or harmful (the manual names them). */
const EMPTY_FOLDERS = new Set([
  "pg_wal",
  "pg_replslot",
  "pg_dynshmem",
  "pg_notify",
  "pg_serial",
  "pg_snapshots",
  "pg_stat_tmp",
  "pg_subtrans",
]);
const SKIPPED_FILES =
  /^(postmaster\.(pid|opts)|pg_internal\.init|pgsql_tmp.*|backup_label.*|tablespace_map.*)$/;
/** Copied last of all, as the manual asks. */
const CONTROL_FILE = join("global", "pg_control");

/**
 * Copies the running node that `client` is connected to into the new folder `to`. It is not yet flushed to disk
 * when this resolves, and lacks its configuration.
 */
export async function copyNode(client: Client, from: string, to: string, user: ServerUser): Promise<void> {
  await startBackup(client);
  await copyFolder(from, to, from, user);
  await copyIfThere(join(from, CONTROL_FILE), join(to, CONTROL_FILE), user);
  const { backupLabel, tablespaceMap } = await stopBackup(client);
  if (tablespaceMap !== "") {
    throw new EmbeddedError(
      "node_failed",
      "the embedded PostgreSQL has a tablespace; a standby cannot share it",
    );
  }
  user.write(join(to, "backup_label"), backupLabel);
}

/** Files vanish while they are being copied, and change: the WAL since the start of the backup repairs both. */
async function copyFolder(from: string, to: string, root: string, user: ServerUser): Promise<void> {
  await mkdir(to, { mode: 0o700 });
  user.own(to);
  const path = relative(root, from);
  if (EMPTY_FOLDERS.has(path) || !existsSync(from)) return;
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (SKIPPED_FILES.test(entry.name) || join(path, entry.name) === CONTROL_FILE) continue;
    if (entry.isDirectory()) await copyFolder(join(from, entry.name), join(to, entry.name), root, user);
    else if (entry.isFile()) await copyIfThere(join(from, entry.name), join(to, entry.name), user);
  }
}

async function copyIfThere(from: string, to: string, user: ServerUser): Promise<void> {
  try {
    await copyFile(from, to);
    user.own(to);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT" || existsSync(from)) throw error;
  }
}
