import { expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { EmbeddedError } from "../../src/embedded/errors.ts";
import { lockFolder } from "../../src/embedded/folder-lock.ts";
import { TestFolder } from "./support.ts";

function refusal(folder: string): EmbeddedError | undefined {
  try {
    lockFolder(folder)[Symbol.dispose]();
    return undefined;
  } catch (error) {
    if (error instanceof EmbeddedError) return error;
    throw error;
  }
}

test("a folder is locked once, until it is unlocked", async () => {
  await using folder = new TestFolder();
  const lock = lockFolder(folder.root);
  const error = refusal(folder.root);
  expect(error?.code).toBe("folder_in_use");
  expect(error?.message).toBe(
    `${folder.root} is in use by another urna (pid ${process.pid}); stop it or choose another --data`,
  );
  lock[Symbol.dispose]();
  lock[Symbol.dispose]();
  expect(refusal(folder.root)).toBeUndefined();
});

test("the lock of a process that is killed vanishes, and not before: not when its garbage is collected", async () => {
  await using folder = new TestFolder();
  mkdirSync(folder.data);
  const module = join(import.meta.dir, "../../src/embedded/folder-lock.ts");
  const script = `
    const { lockFolder } = await import(${JSON.stringify(module)});
    (() => lockFolder(${JSON.stringify(folder.data)}))();
    setTimeout(() => { Bun.gc(true); setTimeout(() => { Bun.gc(true); console.log("locked"); }, 10); }, 10);
    setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  await once(holder.stdout!, "data");
  expect(refusal(folder.data)?.message).toContain(`(pid ${holder.pid})`);
  const exit = once(holder, "exit");
  holder.kill("SIGKILL");
  await exit;
  expect(refusal(folder.data)).toBeUndefined();
});
