/** A server in a process of its own, started for a benchmark and ended with it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export type PeerProcess = AsyncDisposable & { url: string; pid: number };

const END_TIMEOUT_MS = 30_000;

/** Starts `bun` with these arguments; the first line of output or log with an address in it says that it is ready. */
export async function startPeer(args: string[], readyTimeoutMs: number): Promise<PeerProcess> {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
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
  if (url === null) throw new Error(`bun ${args.join(" ")} ended before it was ready`);
  return { url, pid: child.pid!, [Symbol.asyncDispose]: end };
}
