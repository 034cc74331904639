/** wrk (https://github.com/wg/wrk), where it is installed: whether the load generator is what limits a figure. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

export function hasWrk(): boolean {
  return Bun.which("wrk") !== null;
}

/** Requests a second that one thread of wrk has answered: the same ballot again and again. Throws where any is refused. */
export async function runWrk(
  url: string,
  { connections, seconds, token }: { connections: number; seconds: number; token: string },
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "urna-wrk-"));
  try {
    const script = join(folder, "ballot.lua");
    writeFileSync(
      script,
      `wrk.method = "POST"
wrk.path = "/v1/contests/bench/ballots"
wrk.body = '{"selections":[1],"nonce":"AAAAAAAAAAAAAAAAAAAAAA"}'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer ${token}"
`,
    );
    const args = ["-t", "1", "-c", String(connections), "-d", `${seconds}s`, "-s", script, url];
    const wrk = spawn("wrk", args, { stdio: ["ignore", "pipe", "inherit"] });
    const [said, [status]] = await Promise.all([text(wrk.stdout), once(wrk, "exit")]);
    const [, perSecond] = /^Requests\/sec: +([\d.]+)$/m.exec(said) ?? [];
    if (status !== 0 || perSecond === undefined || said.includes("Non-2xx")) throw new Error(`wrk: ${said}`);
    return Number(perSecond);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
