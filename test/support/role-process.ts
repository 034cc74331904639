/** One of Urna's roles as a process of its own, on loopback: killed by its test, and gone when the test is. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";
import { GuardedProcess } from "./guarded-process.ts";

const MAIN = join(import.meta.dir, "../../src/main.ts");
const READY_WITHIN_MS = 60_000;

export type RoleProcessOptions = {
  role: "admin" | "gateway" | "recorder" | "results";
  /** Its log and all else of it; made here. */
  folder: string;
  environment: Record<string, string>;
};

export class RoleProcess implements AsyncDisposable {
  private constructor(
    readonly url: string,
    private readonly process: GuardedProcess,
  ) {}

  /** Resolves when it should get traffic. */
  static async start({ role, folder, environment }: RoleProcessOptions): Promise<RoleProcess> {
    mkdirSync(folder);
    const port = await freePort();
    const where = ["--host", "127.0.0.1", "--port", String(port), "--log-level", "warn"];
    const process = await GuardedProcess.start({
      ...{ command: [globalThis.process.execPath, MAIN, role, ...where], environment, folder },
      log: join(folder, "role.log"),
    });
    const started = new RoleProcess(`http://127.0.0.1:${port}`, process);
    await eventually(
      `${role} is ready`,
      async () => {
        if (process.hasEnded) return true;
        const answer = await fetch(`${started.url}/readyz`, { signal: AbortSignal.timeout(2_000) });
        if (!answer.ok) throw new Error(await answer.text());
        return true;
      },
      READY_WITHIN_MS,
    );
    if (process.hasEnded) throw new Error(`${role} ended: ${process.lastWords}`);
    return started;
  }

  /** The end of what it said. */
  get lastWords(): string {
    return this.process.lastWords;
  }

  async kill(): Promise<void> {
    await this.process.end("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
