/**
 * One supervised postmaster: started again whenever it ends, until it is stopped.
 *
 *   stopped ── start() ──▶ running ── it ends by itself ──▶ backing off ──▶ running …
 *      ▲                      │                                 │
 *      └─────── stop() ───────┴─────────────────────────────────┘
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, createReadStream, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { errnoOf } from "./errors.ts";
import type { Keeper } from "./keeper.ts";
import type { Log } from "./log.ts";
import { killAllIn, remainingIn, shutDownIn } from "./processes.ts";
import { type ServerUser, serverEnvironment } from "./server-user.ts";
import type { NodeName } from "./settings.ts";

const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 2000;
/** One that ran longer than this is started again without waiting. */
const SETTLED_AFTER_MS = 5000;
/** The children of a killed postmaster notice and end by themselves; this long they may take. */
const LEFTOVER_GRACE_MS = 1000;
const LOG_BYTES_MAX = 8 * 1024 * 1024;
const LOG_TAIL_LINES = 20;

/** Waits until Urna says that the keeper knows it, and then becomes the postmaster: none is ever unguarded. */
const WAIT_THEN_EXEC = 'read -r _ && exec "$@" </dev/null';

export type EmbeddedNode = {
  readonly name: NodeName;
  readonly port: number;
  readonly dataFolder: string;
  /** The postmaster's; undefined while it is down. It changes when the node is started again. */
  readonly pid: number | undefined;
};

export type SupervisedNodeOptions = {
  name: NodeName;
  port: number;
  dataFolder: string;
  logFile: string;
  postgres: string;
  user: ServerUser;
  keeper: Keeper;
  log: Log;
};

type Supervision = { stopping: AbortController; ended: Promise<void> };

export class SupervisedNode implements EmbeddedNode, AsyncDisposable {
  /** Owned by start() and stop(). */
  private supervision: Supervision | undefined;
  /** Owned by runOnce(). */
  private postmaster: ChildProcess | undefined;
  /** How often the postmaster ended by itself since start(); owned by supervise(). */
  failures = 0;
  /** Where this start's lines begin in the log; owned by start() and openLog(). */
  private logStart = 0;

  constructor(private readonly options: SupervisedNodeOptions) {}

  get name(): NodeName {
    return this.options.name;
  }

  get port(): number {
    return this.options.port;
  }

  get dataFolder(): string {
    return this.options.dataFolder;
  }

  get pid(): number | undefined {
    return this.postmaster?.pid;
  }

  /** Begins to supervise; does not wait for the node to accept connections. */
  start(): void {
    const stopping = new AbortController();
    this.failures = 0;
    this.logStart = sizeOf(this.options.logFile);
    this.supervision = { stopping, ended: this.supervise(stopping.signal) };
  }

  /** Bounded: what does not listen is killed in the end. Idempotent. */
  async stop(): Promise<void> {
    const supervision = this.supervision;
    if (supervision === undefined) return;
    this.supervision = undefined;
    supervision.stopping.abort();
    if (await shutDownIn(this.dataFolder, this.options.log)) await supervision.ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** The log's last lines of this start. */
  async logTail(): Promise<string> {
    return (await this.logSinceStart()).trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n");
  }

  async logSinceStart(): Promise<string> {
    const chunks: Buffer[] = [];
    const stream = createReadStream(this.options.logFile, { start: this.logStart });
    try {
      for await (const chunk of stream) chunks.push(chunk as Buffer);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error; // it has not logged anything yet
    }
    return Buffer.concat(chunks).toString();
  }

  private async supervise(stopping: AbortSignal): Promise<void> {
    const { name, log } = this.options;
    let backoffMs = 0;
    while (!stopping.aborted) {
      const startedAt = performance.now();
      const end = await this.runOnce(stopping).catch((error: unknown) => ({ err: error }));
      if (stopping.aborted) return;
      this.failures += 1;
      const settled = performance.now() - startedAt > SETTLED_AFTER_MS;
      backoffMs = settled ? 0 : Math.min(Math.max(backoffMs * 2, BACKOFF_MIN_MS), BACKOFF_MAX_MS);
      log.warn(
        { node: name, ...end, backoffMs },
        `the PostgreSQL ${name} ended by itself; starting it again`,
      );
      await pause(backoffMs, undefined, { signal: stopping }).catch(() => {});
    }
  }

  /** One life of the postmaster. */
  private async runOnce(
    stopping: AbortSignal,
  ): Promise<{ exitCode: number | null; exitSignal: string | null } | object> {
    const { name, keeper } = this.options;
    await this.clearLeftovers();
    if (stopping.aborted) return {};
    const postmaster = this.spawn();
    const ended = new Promise<object>((resolve, reject) => {
      postmaster.once("error", reject);
      postmaster.once("exit", (exitCode, exitSignal) => resolve({ exitCode, exitSignal }));
    });
    this.postmaster = postmaster;
    try {
      await keeper.guard(name, postmaster.pid);
      postmaster.stdin?.end("go\n");
      return await ended;
    } finally {
      this.postmaster = undefined;
      await keeper.guard(name, undefined);
    }
  }

  private spawn(): ChildProcess {
    const { dataFolder, postgres, user } = this.options;
    const { file, args, options } = user.launch("/bin/sh", [
      "-c",
      WAIT_THEN_EXEC,
      "sh",
      postgres,
      "-D",
      dataFolder,
    ]);
    const log = this.openLog();
    try {
      const postmaster = spawn(file, args, {
        ...options,
        cwd: dataFolder,
        // Not in the terminal's group: a Ctrl-C must not stop PostgreSQL before Urna has drained.
        detached: true,
        env: serverEnvironment(),
        stdio: ["pipe", log, log],
      });
      postmaster.stdin?.on("error", () => {}); // it was killed before it was let go: the exit says so
      return postmaster;
    } finally {
      closeSync(log);
    }
  }

  private openLog(): number {
    const { logFile, user } = this.options;
    if (sizeOf(logFile) > LOG_BYTES_MAX) {
      renameSync(logFile, `${logFile}.1`);
      this.logStart = 0;
    }
    return user.open(logFile, "append");
  }

  /**
   * A killed postmaster's children may live on for a moment, holding the shared memory, and its pid file may
   * name a pid that is somebody else's by now. The folder is ours alone, so both can go.
   */
  private async clearLeftovers(): Promise<void> {
    const { name, dataFolder, log } = this.options;
    const pids = await remainingIn(dataFolder, LEFTOVER_GRACE_MS);
    if (pids.length > 0) {
      log.warn({ node: name, pids }, "killing PostgreSQL processes that outlived their postmaster");
      await killAllIn(dataFolder, log);
    }
    rmSync(join(dataFolder, "postmaster.pid"), { force: true });
  }
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return 0;
    throw error;
  }
}
