/**
 * A server of a test's own: killed, frozen and started again by it, and gone when the test is, however that ends.
 *
 * A shell stands between: it starts the server, says its pid, and reads from a pipe whose other end only we hold. When
 * that ends, as it does when we do, it kills the server and removes its folder.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { signal } from "../../src/embedded/processes.ts";

/** The status 7 is how the half that reads tells the one that waits that the pipe has ended. */
const GUARD = `
folder=$1; shift
exec 3<&0
"$@" </dev/null 3<&- >&2 &
pid=$!
{
  read -r word <&3
  trap "" TERM
  kill -s KILL $pid
  exit 7
} >/dev/null 2>&1 &
reader=$!
echo $pid
exec >/dev/null 2>&1
wait $pid
kill -s TERM $reader
wait $reader
[ $? -ne 7 ] || rm -rf "$folder"
`;

export type GuardedProcessOptions = {
  command: string[];
  environment?: Record<string, string>;
  /** The server's own, with all that is in it. */
  folder: string;
  /** Where its output is added. */
  log: string;
};

export class GuardedProcess {
  /** Resolves when the server is gone. */
  readonly ended: Promise<void>;
  private isGone = false;

  private constructor(
    readonly pid: number,
    private readonly log: string,
    guard: ChildProcess,
  ) {
    this.ended = once(guard, "exit").then(() => {
      this.isGone = true;
      guard.stdin!.destroy();
    });
  }

  static async start({ command, environment = {}, folder, log }: GuardedProcessOptions) {
    const output = openSync(log, "a");
    // A session of its own: a Ctrl-C in the terminal reaches the tests alone, which end it in their own order.
    const guard = spawn("/bin/sh", ["-c", GUARD, "urna-test-guard", folder, ...command], {
      cwd: folder,
      detached: true,
      env: { ...process.env, ...environment },
      stdio: ["pipe", "pipe", output],
    });
    closeSync(output);
    guard.stdin!.on("error", () => {});
    const [pid] = await once(createInterface(guard.stdout!), "line");
    return new GuardedProcess(Number(pid), log, guard);
  }

  get hasEnded(): boolean {
    return this.isGone;
  }

  /** The end of what it said. */
  get lastWords(): string {
    return readFileSync(this.log, "utf8").slice(-2_000);
  }

  /** Resolves when it is gone. SIGTERM lets it shut down, SIGKILL does not; a frozen one takes the latter alone. */
  async end(name: "SIGTERM" | "SIGKILL"): Promise<void> {
    if (!this.isGone) signal(this.pid, name);
    await this.ended;
  }

  /** Alive, connected, and answering nothing; thawed when disposed of. */
  freeze(): Disposable {
    process.kill(this.pid, "SIGSTOP");
    return { [Symbol.dispose]: () => signal(this.pid, "SIGCONT") };
  }
}
