/** A test's own servers never outlive it. */
import { expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { eventually } from "./eventually.ts";
import { GuardedProcess } from "./guarded-process.ts";

const runs = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

function tempFolder() {
  const folder = mkdtempSync(join(tmpdir(), "urna-guarded-"));
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

for (const state of ["running", "frozen"]) {
  test(`whoever started it is killed: a ${state} server is gone, and so is its folder`, async () => {
    using temp = tempFolder();
    const owner = spawn(process.execPath, [join(import.meta.dir, "guarded-owner.ts"), temp.folder, state], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [pid] = await once(createInterface(owner.stdout), "line");
    expect(runs(Number(pid))).toBe(true);
    owner.kill("SIGKILL");
    await eventually("the server is gone", () => !runs(Number(pid)));
    await eventually("its folder is gone", () => !existsSync(temp.folder));
  });
}

test("a server that ended leaves its folder, and can be started again in it", async () => {
  using temp = tempFolder();
  const { folder } = temp;
  const command = ["sh", "-c", "echo here; exec sleep 60"];
  for (const times of [1, 2]) {
    const server = await GuardedProcess.start({ command, folder, log: join(folder, "log") });
    await eventually("it has spoken", () => server.lastWords.match(/here/g)?.length === times);
    expect(server.hasEnded).toBe(false);
    await server.end("SIGKILL");
    expect(server.hasEnded).toBe(true);
    expect(runs(server.pid)).toBe(false);
  }
});
