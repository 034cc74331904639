/**
 * PostgreSQL's processes of one data folder, found by working directory and command line together: a postmaster
 * and its children work in their data folder. Pids that were written down somewhere are never trusted: by now
 * they may be somebody else's. Nor is the directory alone enough: somebody's shell or editor may stand in it.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Log } from "./log.ts";
import { poll } from "./polling.ts";

/** Fast shutdown, then immediate shutdown; whatever remains after these is killed. */
const SHUTDOWN_STEPS = [
  { name: "SIGINT", timeoutMs: 15_000 },
  { name: "SIGQUIT", timeoutMs: 6000 },
] as const;
const KILL_TIMEOUT_MS = 3000;

/** The keeper's name for itself on its command line (keeper.ts). */
export const KEEPER_NAME = "urna-keeper";

type Found = { pid: number; command: string };

/** Pids of the PostgreSQL processes and keepers whose working directory is `folder` (absolute, without links). */
export function processesIn(folder: string): number[] {
  return found(folder).map(({ pid }) => pid);
}

function found(folder: string): Found[] {
  const pids = process.platform === "linux" ? workingInByProc(folder) : workingInByLsof(folder);
  return pids
    .map((pid) => ({ pid, command: commandOf(pid) }))
    .filter(
      ({ command }) =>
        command.startsWith("postgres: ") ||
        isPostmaster(command, folder) ||
        command.endsWith(` ${KEEPER_NAME}`),
    );
}

/** Also true of the shell that is about to become the postmaster. */
function isPostmaster(command: string, folder: string): boolean {
  return command.endsWith(`postgres -D ${folder}`);
}

function workingInByProc(folder: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && isAt(`/proc/${name}/cwd`, folder))
    .map(Number);
}

function isAt(link: string, folder: string): boolean {
  try {
    const target = readlinkSync(link);
    return target === folder || target === `${folder} (deleted)`;
  } catch {
    return false; // ended meanwhile, or another user's
  }
}

/** macOS has no /proc; its lsof prints `p<pid>` and then `n<working directory>`. */
function workingInByLsof(folder: string): number[] {
  let pid = 0;
  const pids: number[] = [];
  for (const line of outputOf("lsof", ["-w", "-a", "-d", "cwd", "-Fpn"]).split("\n")) {
    if (line.startsWith("p")) pid = Number(line.slice(1));
    else if (line === `n${folder}`) pids.push(pid);
  }
  return pids;
}

function commandOf(pid: number): string {
  if (process.platform !== "linux") return outputOf("ps", ["-o", "command=", "-p", String(pid)]).trim();
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
}

function outputOf(program: string, args: string[]): string {
  try {
    return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch (error) {
    // lsof exits 1 when there was any process that it could not ask, having printed the others.
    return String((error as { stdout?: unknown }).stdout ?? "");
  }
}

/** Sends a signal; a process that is gone already is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // gone already
  }
}

/** Waits up to `timeoutMs` for the folder's processes to end by themselves; the pids that have not. */
export async function remainingIn(folder: string, timeoutMs: number): Promise<number[]> {
  const none = await poll(timeoutMs, () => processesIn(folder).length === 0);
  return none ? [] : processesIn(folder);
}

/** Shuts the postmaster of `folder` down, harder if it does not listen, and leaves none of its processes. Bounded: false when some survived. */
export async function shutDownIn(folder: string, log: Log): Promise<boolean> {
  for (const step of SHUTDOWN_STEPS) {
    for (const { pid, command } of found(folder)) if (isPostmaster(command, folder)) signal(pid, step.name);
    const pids = await remainingIn(folder, step.timeoutMs);
    if (pids.length === 0) return true;
    log.warn({ folder, pids, timeoutMs: step.timeoutMs }, `PostgreSQL did not stop on ${step.name}`);
  }
  return killAllIn(folder, log);
}

/** SIGKILLs the folder's processes until there are none. Bounded: false when some survived. */
export async function killAllIn(folder: string, log: Log): Promise<boolean> {
  const none = await poll(KILL_TIMEOUT_MS, () => {
    const pids = processesIn(folder);
    for (const pid of pids) signal(pid, "SIGKILL");
    return pids.length === 0;
  });
  if (!none) log.error({ folder, pids: processesIn(folder) }, "processes survived SIGKILL");
  return none === true;
}
