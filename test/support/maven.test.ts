/** What comes through Maven is fetched once, whole, and where it can't be had people are told what to do. */
import { expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

const SERVER = join(import.meta.dir, "redis/server.ts");
const ASK = `import { redisProgram } from "${SERVER}"; console.log(await redisProgram());`;

function cacheFolder() {
  const folder = mkdtempSync(join(tmpdir(), "urna-cache-"));
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

/** In a process of its own: what it printed, and how it ended. */
async function ask(cache: string, path = process.env.PATH) {
  const env = { ...process.env, XDG_CACHE_HOME: cache, PATH: path };
  const child = spawn(process.execPath, ["-e", ASK], { env, stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "exit");
  const [output, error] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [status] = await ended;
  return { status, output: output.trim(), error };
}

test("two that need it at once have the same, and no half of it is left", async () => {
  using cache = cacheFolder();
  const [one, other] = await Promise.all([ask(cache.folder), ask(cache.folder)]);
  expect([one!.status, other!.status]).toEqual([0, 0]);
  expect(one!.output).toBe(other!.output);
  expect(readdirSync(join(cache.folder, "urna"))).toHaveLength(1);
});

test("without Maven it says what to install, and what to set instead", async () => {
  using cache = cacheFolder();
  const { status, error } = await ask(cache.folder, cache.folder);
  expect(status).not.toBe(0);
  expect(error).toContain("apt-get install maven openjdk-17-jre-headless");
  expect(error).toContain("URNA_TEST_REDIS");
});
