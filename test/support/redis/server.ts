/** Redis' own server on this machine: for tests and benchmarks. */
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../eventually.ts";
import { freePort } from "../free-port.ts";
import { GuardedProcess } from "../guarded-process.ts";
import { fetched } from "../maven.ts";

/** What the jar calls this machine's program. */
function program(): string {
  const architectures: Partial<Record<NodeJS.Architecture, string>> = { x64: "amd64", arm64: "arm64" };
  return `redis-server-7.0.15-${process.platform}-${architectures[process.arch]}`;
}

/** The file; fetched if need be. */
export async function redisProgram(): Promise<string> {
  const folder = await fetched({
    name: "redis",
    pom: join(import.meta.dir, "pom.xml"),
    goal: ["dependency:unpack-dependencies", "-Dmdep.unpack.includes=redis-server-*"],
    complete: async (making) => chmodSync(join(making, program()), 0o755),
    instead: "URNA_TEST_REDIS",
  });
  return join(folder, program());
}

export type RedisServerOptions = { settings?: Record<string, string | number> };

export class RedisServer implements AsyncDisposable {
  /** Owned by start(). */
  private process: GuardedProcess | undefined;

  private constructor(
    readonly port: number,
    private readonly folder: string,
    private readonly command: string[],
  ) {}

  /** Resolves when it answers. Nothing is kept on disk unless the settings say so. */
  static async start({ settings = {} }: RedisServerOptions = {}): Promise<RedisServer> {
    const file = await redisProgram();
    const folder = mkdtempSync(join(tmpdir(), "urna-redis-"));
    const port = await freePort();
    const all = { bind: "127.0.0.1", port, dir: folder, save: "", appendonly: "no", ...settings };
    const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const server = new RedisServer(port, folder, [file, ...args]);
    await server.start();
    return server;
  }

  get address(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Again, at the same port. */
  async start(): Promise<void> {
    const { command, folder } = this;
    const process = await GuardedProcess.start({ command, folder, log: join(folder, "redis.log") });
    this.process = process;
    await eventually("Redis answers", () => process.hasEnded || this.answers());
    if (process.hasEnded) throw new Error(`Redis ended: ${process.lastWords}`);
  }

  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    await this.process?.end(signal);
  }

  freeze(): Disposable {
    return this.process!.freeze();
  }

  get pid(): number {
    return this.process!.pid;
  }

  private async answers(): Promise<boolean> {
    const socket = connect(this.port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return true;
    } finally {
      socket.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}
