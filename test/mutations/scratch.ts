/** A copy of the project in a temporary folder, where files may be changed and tests run. The project itself is not. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";

const ROOT = join(import.meta.dir, "../..");
const COPIED = ["src", "test", "examples", "docs", "package.json", "tsconfig.json", "bunfig.toml"];

/** A test that hangs is red by then. */
const TEST_TIMEOUT_MS = 20_000;
const RUN_TIMEOUT_MS = 180_000;
/** PostgreSQL stops by itself when the tests that started it are gone. */
const SERVERS_STOP_MS = 15_000;

export type TestRun = { red: string[]; green: string[]; output: string; seconds: number };

export class Scratch implements AsyncDisposable {
  private readonly folder = mkdtempSync(join(tmpdir(), "urna-mutations-"));
  private readonly temporary = join(this.folder, "tmp");
  private running: ChildProcess | undefined;
  private closing: Promise<void> | undefined;

  constructor() {
    for (const name of COPIED) cpSync(join(ROOT, name), join(this.folder, name), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(this.folder, "node_modules"));
    mkdirSync(this.temporary);
    // PostgreSQL may run as another user.
    for (const folder of [this.folder, this.temporary]) chmodSync(folder, 0o755);
  }

  /** Runs `work` with one text of one file replaced. Throws unless the text is there exactly once. */
  async changed<T>(
    { file, text, becomes }: { file: string; text: string; becomes: string },
    work: () => Promise<T>,
  ): Promise<T> {
    const path = join(this.folder, file);
    const original = readFileSync(path, "utf8");
    const parts = original.split(text);
    if (parts.length !== 2) throw new Error(`the text is ${parts.length - 1} times in ${file}`);
    writeFileSync(path, parts.join(becomes));
    try {
      return await work();
    } finally {
      if (this.closing === undefined) writeFileSync(path, original);
    }
  }

  /** Runs those tests of a file whose title, with those of its groups, has one of these words. */
  async test(file: string, titles: readonly string[]): Promise<TestRun> {
    const startedMs = performance.now();
    const pattern = titles.map((title) => title.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("|");
    const child = spawn(
      process.execPath,
      ["test", `--timeout=${TEST_TIMEOUT_MS}`, file, "--test-name-pattern", pattern],
      {
        cwd: this.folder,
        env: { ...process.env, TMPDIR: this.temporary, NO_COLOR: "1", FORCE_COLOR: "0" },
        stdio: ["ignore", "pipe", "pipe"],
        timeout: RUN_TIMEOUT_MS,
        killSignal: "SIGKILL",
      },
    );
    this.running = child;
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    await once(child, "close");
    this.running = undefined;
    const titled = (mark: string) =>
      [...output.matchAll(new RegExp(`^\\(${mark}\\) (.+?)(?: \\[[\\d.]+m?s\\])?$`, "gm"))].map(
        ([, title]) => title!,
      );
    // Bun names the failed ones once more at the end.
    const red = [...new Set(titled("fail"))];
    return { red, green: titled("pass"), output, seconds: (performance.now() - startedMs) / 1000 };
  }

  /** Ends what is running, waits for its servers to have stopped, and removes the copy. */
  [Symbol.asyncDispose](): Promise<void> {
    this.closing ??= this.close();
    return this.closing;
  }

  private async close(): Promise<void> {
    const { running } = this;
    if (running !== undefined) {
      const closed = once(running, "close");
      running.kill("SIGKILL");
      await closed;
    }
    await eventually("its servers have stopped", () => !this.serversRun(), SERVERS_STOP_MS).catch(
      console.error,
    );
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }

  private serversRun(): boolean {
    return readdirSync(this.temporary, { recursive: true }).some((path) =>
      String(path).endsWith("postmaster.pid"),
    );
  }
}
