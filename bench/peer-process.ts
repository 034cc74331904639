/** A server in a process of its own, started for a benchmark and ended with it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { scratchFolder } from "./scratch-folder.ts";

export type PeerProcess = AsyncDisposable & { url: string; pid: number };

const END_TIMEOUT_MS = 30_000;

/** Starts `bun` with these arguments; the first line of output or log with an address in it says that it is ready. */
export function startPeer(args: string[], readyTimeoutMs: number): Promise<PeerProcess> {
  return start(process.execPath, args, readyTimeoutMs);
}

/** Likewise a module on Node, which is made what Node runs first. */
export async function startNodePeer(
  module: string,
  args: string[],
  readyTimeoutMs: number,
): Promise<PeerProcess> {
  using folder = scratchFolder("peer");
  const built = await Bun.build({
    entrypoints: [module],
    target: "node",
    outdir: folder.path,
    naming: "peer.mjs",
  });
  if (!built.success) throw new Error(built.logs.join("\n"));
  return await start("node", [join(folder.path, "peer.mjs"), ...args], readyTimeoutMs);
}

async function start(command: string, args: string[], readyTimeoutMs: number): Promise<PeerProcess> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  const exited = once(child, "exit");
  const end = async () => {
    child.kill("SIGTERM");
    const kill = setTimeout(() => child.kill("SIGKILL"), END_TIMEOUT_MS);
    await exited;
    clearTimeout(kill);
  };
  const timeout = setTimeout(() => child.kill("SIGKILL"), readyTimeoutMs);
  child.stderr.pipe(process.stderr, { end: false });
  // Reading on after the first address keeps the child from blocking on a full pipe.
  const address = new Promise<string | null>((resolve) => {
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on("line", (line) => {
        const url = /https?:\/\/[^\s/]+/.exec(line)?.[0];
        if (url !== undefined) resolve(url);
      });
    }
    exited.then(() => resolve(null));
  });
  const url = await address;
  clearTimeout(timeout);
  if (url === null) throw new Error(`${command} ${args.join(" ")} ended before it was ready`);
  return { url, pid: child.pid!, [Symbol.asyncDispose]: end };
}
