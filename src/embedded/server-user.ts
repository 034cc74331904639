/**
 * As whom PostgreSQL's programs run. PostgreSQL refuses to run as root, so a root Urna runs them as the owner of
 * its data, else as `postgres`, else as `nobody`; any other Urna runs them as itself.
 */
import { execFile, execFileSync, spawnSync } from "node:child_process";
import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  lchownSync,
  openSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { promisify } from "node:util";
import { EmbeddedError } from "./errors.ts";

const execute = promisify(execFile);

type Ids = { uid: number; gid: number };

export type Launch = { file: string; args: string[]; options: Partial<Ids> };

export class ServerUser {
  constructor(
    private readonly ids: Ids | undefined,
    private readonly throughSetpriv = false,
  ) {}

  /** What to spawn so that `program` runs as this user. */
  launch(program: string, args: string[]): Launch {
    if (this.ids === undefined) return { file: program, args, options: {} };
    if (!this.throughSetpriv) return { file: program, args, options: this.ids };
    const { uid, gid } = this.ids;
    // Without the secure bit, access(2), by which initdb looks for postgres, does not count the capability.
    const capability = [
      "--securebits=+no_setuid_fixup",
      "--inh-caps=+dac_read_search",
      "--ambient-caps=+dac_read_search",
    ];
    const user = [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"];
    return { file: "setpriv", args: [...user, ...capability, program, ...args], options: {} };
  }

  /** Runs a program to its end; `output` is what it wrote, standard output and error together. */
  async run(program: string, args: string[]): Promise<{ ok: boolean; output: string }> {
    const { file, args: all, options } = this.launch(program, args);
    try {
      const { stdout, stderr } = await execute(file, all, { ...options, cwd: "/", env: serverEnvironment() });
      return { ok: true, output: stdout + stderr };
    } catch (error) {
      const { stdout = "", stderr = "", message } = error as Error & { stdout?: string; stderr?: string };
      return { ok: false, output: stdout + stderr || message };
    }
  }

  /** Gives a file or folder (not what is in it, nor what a link points at) to this user. */
  own(path: string): void {
    if (this.ids !== undefined) lchownSync(path, this.ids.uid, this.ids.gid);
  }

  /**
   * Opens a file that only this user may read. It lies in a folder of that user's, and root must not be led
   * elsewhere by a link there.
   */
  open(path: string, how: "append" | "replace"): number {
    const { O_WRONLY, O_CREAT, O_NOFOLLOW, O_APPEND, O_TRUNC } = constants;
    const flags = O_WRONLY | O_CREAT | O_NOFOLLOW | (how === "append" ? O_APPEND : O_TRUNC);
    const file = openSync(path, flags, 0o600);
    this.own(path);
    return file;
  }

  /** Writes such a file whole, and to the disk. */
  write(path: string, text: string): void {
    const file = this.open(path, "replace");
    try {
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }
}

/** PostgreSQL's programs get nothing of ours: PG* variables and locales would change what they do. */
export function serverEnvironment(): Record<string, string> {
  return { PATH: process.env.PATH ?? "/usr/bin:/bin", LC_ALL: "C" };
}

/**
 * `folder` is the nodes' parent folder and `program` one of PostgreSQL's: the user must reach both. Where it
 * cannot (a clone below /root), it gets the capability to read everything, and only there: PostgreSQL's
 * superuser can then read any file of this machine. Throws `user_unusable`.
 */
export async function findServerUser(folder: string, program: string): Promise<ServerUser> {
  if (process.getuid?.() !== 0) return new ServerUser(undefined);
  const ids = ownerOf(folder) ?? lookUp("postgres") ?? lookUp("nobody");
  if (ids === undefined) {
    const message =
      "PostgreSQL does not run as root, and there is neither a user postgres nor nobody; run urna as an ordinary user";
    throw new EmbeddedError("user_unusable", message);
  }
  for (const user of [new ServerUser(ids), new ServerUser(ids, true)]) {
    user.own(folder);
    const { ok } = await user.run("/bin/sh", ["-c", '"$1" --version && cd "$2"', "sh", program, folder]);
    if (ok) return user;
  }
  const message =
    `PostgreSQL does not run as root, and uid ${ids.uid} cannot reach ${program} and ${folder}` +
    `${hasSetpriv() ? "" : " (setpriv, of util-linux, would help)"}; ` +
    "run urna as an ordinary user, or keep both it and its --data where every user may go";
  throw new EmbeddedError("user_unusable", message);
}

function ownerOf(folder: string): Ids | undefined {
  if (!existsSync(folder)) return undefined;
  const { uid, gid } = statSync(folder);
  return uid === 0 ? undefined : { uid, gid };
}

function lookUp(name: string): Ids | undefined {
  const id = (option: string) =>
    Number(execFileSync("id", [option, name], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
  try {
    return { uid: id("-u"), gid: id("-g") };
  } catch {
    return undefined; // no such user
  }
}

function hasSetpriv(): boolean {
  return spawnSync("setpriv", ["--version"]).status === 0;
}
