/** One of Urna's roles as a process of its own, as an operator starts it: it stays dead until it is started again. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Keeper } from "../../../src/embedded/keeper.ts";
import { eventually } from "../../support/eventually.ts";
import { QUIET } from "./quiet.ts";

const MAIN = join(import.meta.dir, "../../../src/main.ts");

export type RoleName = "gateway" | "recorder" | "results" | "admin";

export type RoleOptions = {
  /** Its place in the network; there are several gateways. */
  name: string;
  role: RoleName;
  port: number;
  folder: string;
  environment: Record<string, string>;
};

export class Role {
  readonly name: string;
  readonly role: RoleName;
  readonly url: string;
  private readonly options: RoleOptions;
  private readonly keeper: Keeper;
  private process: ChildProcess | undefined;

  constructor(options: RoleOptions) {
    this.options = options;
    this.name = options.name;
    this.role = options.role;
    this.url = `http://127.0.0.1:${options.port}`;
    this.keeper = new Keeper(options.folder, QUIET);
  }

  get isRunning(): boolean {
    const child = this.process;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  get pid(): number | undefined {
    return this.process?.pid;
  }

  start(): void {
    const { role, port, folder, environment, name } = this.options;
    const log = openSync(join(folder, `${name}.log`), "a");
    try {
      const args = [MAIN, role, "--host", "127.0.0.1", "--port", String(port), "--log-level", "warn"];
      this.process = spawn(process.execPath, args, {
        detached: true,
        env: { PATH: process.env.PATH, HOME: process.env.HOME, ...environment },
        stdio: ["ignore", log, log],
      });
      void this.keeper.guard("primary", this.process.pid);
    } finally {
      closeSync(log);
    }
  }

  async kill(): Promise<void> {
    if (!this.isRunning) return;
    const ended = once(this.process!, "exit");
    this.process!.kill("SIGKILL");
    await ended;
    await this.keeper.guard("primary", undefined);
  }

  /** As an operator stops it: it finishes what it has. */
  async stop(): Promise<void> {
    if (!this.isRunning) return;
    const ended = once(this.process!, "exit");
    this.process!.kill("SIGTERM");
    await ended;
    await this.keeper.guard("primary", undefined);
  }

  freeze(): void {
    this.process?.kill("SIGSTOP");
  }

  thaw(): void {
    this.process?.kill("SIGCONT");
  }

  /** Why it should get no traffic: which checks found what. Throws when it does not answer. */
  async unready(): Promise<string[]> {
    const answer = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(2_000) });
    const { reasons } = (await answer.json()) as { reasons: { check: string; found: string }[] };
    return reasons.map(({ check, found }) => `${check} is ${found}`);
  }

  /** All that it has said since it was first started. */
  get log(): string {
    return readFileSync(join(this.options.folder, `${this.name}.log`), "utf8");
  }

  /** The lines of a metric, as it is now. */
  async metric(name: string): Promise<string[]> {
    const answer = await fetch(`${this.url}/metrics`, { signal: AbortSignal.timeout(2_000) });
    return (await answer.text()).split("\n").filter((line) => line.startsWith(name));
  }

  /** Starts it where it has ended, and waits until it takes traffic, but for reasons that are there to stay. */
  async untilReady(isToStay: (reason: string) => boolean = () => false): Promise<void> {
    await eventually(
      `${this.name} is ready`,
      async () => {
        if (!this.isRunning) this.start();
        const reasons = (await this.unready()).filter((reason) => !isToStay(reason));
        if (reasons.length > 0) throw new Error(reasons.join("; "));
        return true;
      },
      60_000,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.keeper[Symbol.asyncDispose]();
  }
}
