/** One PostgreSQL node of a cluster under test: it stays as the test left it, dead, frozen or running. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Binaries } from "../../../src/embedded/binaries.ts";
import { Keeper } from "../../../src/embedded/keeper.ts";
import { killAllIn, processesIn, signal } from "../../../src/embedded/processes.ts";
import type { ServerUser } from "../../../src/embedded/server-user.ts";
import { serverEnvironment } from "../../../src/embedded/server-user.ts";
import { postgresqlConf, type Settings } from "../../../src/embedded/settings.ts";
import { QUIET } from "./quiet.ts";

export type NodeOptions = {
  name: string;
  /** Its data folder, `data`, and its log are in it. */
  folder: string;
  port: number;
  binaries: Binaries;
  user: ServerUser;
  settings: Settings;
  /** What its processes get beyond what they need, asked for at every start. */
  environment: (dataFolder: string) => Record<string, string>;
};

export class Node {
  readonly name: string;
  readonly port: number;
  readonly dataFolder: string;
  private readonly options: NodeOptions;
  private readonly keeper: Keeper;
  private postmaster: ChildProcess | undefined;
  private frozen = false;

  constructor(options: NodeOptions) {
    this.options = options;
    this.name = options.name;
    this.port = options.port;
    this.dataFolder = join(options.folder, "data");
    this.keeper = new Keeper(options.folder, QUIET);
  }

  /** What it calls itself when it streams from another. */
  get applicationName(): string {
    return `urna_${this.name}`;
  }

  get isRunning(): boolean {
    const postmaster = this.postmaster;
    return postmaster !== undefined && postmaster.exitCode === null && postmaster.signalCode === null;
  }

  get isFrozen(): boolean {
    return this.frozen;
  }

  /** Writes its configuration; `follows` names the primary's place in the network, or null for the primary itself. */
  configure(synchronousStandbyNames: string, follows: string | null): void {
    const { port, settings, user } = this.options;
    const text = postgresqlConf({
      name: "primary",
      port,
      primaryPort: port,
      password: "",
      extra: {
        shared_buffers: "64MB",
        wal_keep_size: "512MB",
        wal_retrieve_retry_interval: "100ms",
        ...settings,
        synchronous_standby_names: synchronousStandbyNames,
        ...(follows === null ? {} : { primary_conninfo: follows }),
      },
    });
    user.write(join(this.dataFolder, "postgresql.conf"), text);
    // What was set on the node that this one was copied from.
    user.write(join(this.dataFolder, "postgresql.auto.conf"), "");
    if (follows === null) rmSync(join(this.dataFolder, "standby.signal"), { force: true });
    else user.write(join(this.dataFolder, "standby.signal"), "");
  }

  /** Does not wait for it to accept connections. */
  start(): void {
    const { binaries, user, folder, environment } = this.options;
    rmSync(join(this.dataFolder, "postmaster.pid"), { force: true });
    const { file, args, options } = user.launch(binaries.postgres, ["-D", this.dataFolder]);
    const log = user.open(join(folder, "postgres.log"), "append");
    try {
      const postmaster = spawn(file, args, {
        ...options,
        cwd: this.dataFolder,
        detached: true,
        env: { ...serverEnvironment(), ...environment(this.dataFolder) },
        stdio: ["ignore", log, log],
      });
      this.postmaster = postmaster;
      postmaster.on("error", () => undefined);
      void this.keeper.guard("primary", postmaster.pid);
    } finally {
      closeSync(log);
    }
  }

  /** SIGKILL to the postmaster and everything below it: the machine is gone, its disk is not. */
  async kill(): Promise<void> {
    await killAllIn(this.dataFolder, QUIET);
    await this.ended();
    this.frozen = false;
  }

  /** SIGKILL to one of the postmaster's children: PostgreSQL restarts by itself. */
  killOne(index: number): void {
    const pids = processesIn(this.dataFolder).filter((pid) => pid !== this.postmaster?.pid);
    if (pids.length > 0) signal(pids[index % pids.length]!, "SIGKILL");
  }

  /** Kills it and removes its data, with what is noted of it in `data.…` beside it. */
  async remove(): Promise<void> {
    await this.kill();
    const { folder } = this.options;
    for (const name of readdirSync(folder)) {
      if (name === "data" || name.startsWith("data.")) rmSync(join(folder, name), { recursive: true });
    }
  }

  /** SIGSTOP to all of it; twice, for what was being forked. */
  freeze(): void {
    this.frozen = true;
    for (const _ of [1, 2]) for (const pid of processesIn(this.dataFolder)) signal(pid, "SIGSTOP");
  }

  thaw(): void {
    this.frozen = false;
    for (const pid of processesIn(this.dataFolder)) signal(pid, "SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.keeper[Symbol.asyncDispose]();
  }

  private async ended(): Promise<void> {
    if (this.isRunning) await once(this.postmaster!, "exit");
    this.postmaster = undefined;
    await this.keeper.guard("primary", undefined);
  }
}
