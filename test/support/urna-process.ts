/** `urna` as people start it: processes of their own, on data folders of a test's own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./eventually.ts";

const MAIN = join(import.meta.dir, "../../src/main.ts");

export type Finished = { exitCode: number | null; stdout: string; stderr: string };

/** Runs a command to its end. */
export async function runUrna(...commandArguments: string[]): Promise<Finished> {
  return finished(startUrna(commandArguments));
}

export function startUrna(
  commandArguments: string[],
  environment: Record<string, string> = {},
): ChildProcess {
  return spawn(process.execPath, [MAIN, ...commandArguments], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  });
}

export async function finished(child: ChildProcess): Promise<Finished> {
  const output = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk) => (output.stdout += chunk));
  child.stderr?.on("data", (chunk) => (output.stderr += chunk));
  const [exitCode] = (await once(child, "close")) as [number | null];
  return { exitCode, ...output };
}

/** A running `urna dev`; disposing of it stops it as Ctrl-C does and removes its folder. */
export class DevServer implements AsyncDisposable {
  private child: ChildProcess | undefined;

  private constructor(
    readonly folder: string,
    readonly port: number,
    private readonly flags: readonly string[],
  ) {}

  static async start(...flags: string[]): Promise<DevServer> {
    const root = mkdtempSync(join(tmpdir(), "urna-system-"));
    chmodSync(root, 0o755); // PostgreSQL may run as another user.
    const server = new DevServer(join(root, "data"), await freePort(), flags);
    await server.restart();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What it left for other commands. */
  get announcement(): { url: string; adminToken: string; databaseUrl: string; pid: number } {
    return JSON.parse(readFileSync(join(this.folder, "dev.json"), "utf8"));
  }

  /** Starts it, or starts it again after {@link kill}, on the same folder and port. */
  async restart(): Promise<void> {
    const child = startUrna([
      "dev",
      "--data",
      this.folder,
      "--port",
      String(this.port),
      "--log-level",
      "warn",
      ...this.flags,
    ]);
    this.child = child;
    let stderr = "";
    child.stderr?.on("data", (chunk) => (stderr += chunk));
    await eventually(
      "urna dev is ready",
      async () => {
        if (child.exitCode !== null) throw new Error(`urna dev ended: ${stderr}`);
        return (await fetch(`${this.url}/readyz`)).ok;
      },
      60_000,
    );
  }

  async kill(): Promise<void> {
    this.child?.kill("SIGKILL");
    await once(this.child!, "close");
  }

  /** As Ctrl-C; returns its exit code. */
  async stop(): Promise<number | null> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return null;
    child.kill("SIGINT");
    await once(child, "close");
    return child.exitCode;
  }

  /** The process id of a node's postmaster. */
  postmaster(node: "primary" | "standby"): number {
    return Number(readFileSync(join(this.folder, "postgres", node, "postmaster.pid"), "utf8").split("\n")[0]);
  }

  async turnout(contest: string): Promise<number> {
    const response = await fetch(`${this.url}/v1/contests/${contest}/results`);
    return response.ok ? ((await response.json()) as { turnout: number }).turnout : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    for (const node of ["primary", "standby"] as const) {
      await eventually(
        `the ${node} has ended`,
        () => !existsSync(join(this.folder, "postgres", node, "postmaster.pid")),
      );
    }
    rmSync(join(this.folder, ".."), { recursive: true, force: true });
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
