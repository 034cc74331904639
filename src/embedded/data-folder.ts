/**
 * The data folder: what is where in it, and whether it is fit to be used.
 *
 *   lock, lock.pid       one Urna at a time (folder-lock.ts)
 *   version              of this layout; it marks the folder as Urna's
 *   postgres/primary     the two nodes' data folders
 *   postgres/standby
 *   postgres/*.making-*  a node's data folder while it is being made; renamed when complete
 *   postgres/*.unusable  a standby that could not follow the primary and was replaced
 *   postgres/*.log       the nodes' own logs
 *   postgres/password    of PostgreSQL's superuser `urna`
 *   postgres/ports.json  the ports of last time
 */
import { randomBytes } from "node:crypto";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { diskFull, EmbeddedError, errnoOf, isDiskFull } from "./errors.ts";
import { type FolderLock, lockFolder } from "./folder-lock.ts";
import type { ServerUser } from "./server-user.ts";
import type { NodeName } from "./settings.ts";

const LAYOUT_VERSION = "1";
const LOCK_FILES = new Set(["lock", "lock.pid"]);

export class DataFolder {
  readonly path: string;
  readonly postgres: string;
  readonly ports: string;
  readonly passwordFile: string;

  constructor(path: string) {
    this.path = path;
    this.postgres = join(path, "postgres");
    this.ports = join(this.postgres, "ports.json");
    this.passwordFile = join(this.postgres, "password");
  }

  node(name: NodeName): string {
    return join(this.postgres, name);
  }

  /** A new name at every start: an initdb that outlived a killed Urna may still be writing to an earlier one. */
  making(name: NodeName): string {
    return join(this.postgres, `${name}.making-${randomBytes(4).toString("hex")}`);
  }

  unusable(name: NodeName): string {
    return join(this.postgres, `${name}.unusable`);
  }

  log(name: NodeName): string {
    return join(this.postgres, `${name}.log`);
  }

  /** Whether a complete node is there: it is made elsewhere and moved here when it is complete. */
  has(name: NodeName): boolean {
    return existsSync(join(this.node(name), "PG_VERSION"));
  }
}

/** Makes the folder if there is none, and locks it. Throws `folder_unusable`, `folder_foreign`, `folder_in_use`. */
export function openDataFolder(path: string): { folder: DataFolder; lock: FolderLock } {
  const folder = new DataFolder(makeFolder(path));
  refuseForeign(folder.path);
  const lock = lockFolder(folder.path);
  try {
    markVersion(folder);
    mkdirSync(folder.postgres, { recursive: true, mode: 0o700 });
    accessSync(folder.postgres, constants.R_OK | constants.W_OK | constants.X_OK);
    return { folder, lock };
  } catch (error) {
    lock[Symbol.dispose]();
    throw error instanceof EmbeddedError ? error : unusable(folder.path, error);
  }
}

function makeFolder(path: string): string {
  try {
    // Others may pass through, so that PostgreSQL can run as another user; what is inside guards itself.
    mkdirSync(path, { recursive: true, mode: 0o755 });
    if (statSync(path).isDirectory()) return realpathSync(path);
  } catch (error) {
    throw unusable(path, error);
  }
  throw new EmbeddedError("folder_unusable", `${path} is not a folder; choose another --data`);
}

function unusable(path: string, cause: unknown): EmbeddedError {
  if (isDiskFull(cause)) return diskFull(path, cause);
  const inTheWay = errnoOf(cause) === "EEXIST" || errnoOf(cause) === "ENOTDIR";
  const reason = inTheWay ? "there is a file in its place" : (cause as Error).message;
  const message = `cannot use ${path} as data folder (${reason}); make it a folder this user can write to, or choose another --data`;
  return new EmbeddedError("folder_unusable", message, cause);
}

function refuseForeign(path: string): void {
  const names = readdirSync(path).filter((name) => !LOCK_FILES.has(name));
  if (names.length === 0 || names.includes("version")) return;
  const message = `${path} is not empty and not urna's (it holds ${names.slice(0, 3).join(", ")}); choose another --data`;
  throw new EmbeddedError("folder_foreign", message);
}

function markVersion(folder: DataFolder): void {
  const file = join(folder.path, "version");
  if (!existsSync(file)) writeFileSync(file, `${LAYOUT_VERSION}\n`, { flush: true });
  const version = readFileSync(file, "utf8").trim();
  if (version === LAYOUT_VERSION) return;
  const message = `${folder.path} was made by an urna with data layout ${version}, this one uses ${LAYOUT_VERSION}; use that urna, or choose another --data`;
  throw new EmbeddedError("version_mismatch", message);
}

/** Refuses a node's data folder that another major version of PostgreSQL made. */
export function checkNodeVersion(folder: DataFolder, name: NodeName, major: string): void {
  const found = readFileSync(join(folder.node(name), "PG_VERSION"), "utf8").trim();
  if (found === major) return;
  const message =
    `${folder.node(name)} is a data folder of PostgreSQL ${found}, this urna brings PostgreSQL ${major}; ` +
    `run the urna that made it, or dump it there and restore it into a new --data`;
  throw new EmbeddedError("version_mismatch", message);
}

/** The superuser's password; drawn at the first start. */
export function password(folder: DataFolder, user: ServerUser): string {
  const known = existsSync(folder.passwordFile) ? readFileSync(folder.passwordFile, "utf8").trim() : "";
  if (known !== "") return known;
  if (folder.has("primary") || folder.has("standby")) {
    const message = `${folder.passwordFile} is missing; put it back, or choose another --data`;
    throw new EmbeddedError("folder_unusable", message);
  }
  const drawn = randomBytes(24).toString("hex");
  user.write(folder.passwordFile, `${drawn}\n`);
  return drawn;
}
