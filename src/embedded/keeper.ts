/**
 * The keeper: a tiny process that outlives Urna and then stops PostgreSQL.
 *
 * It reads the postmasters' pids from a pipe whose other end only Urna holds. However Urna dies, the pipe
 * ends, and the keeper shuts the postmasters down, the primary first, harder if they do not listen. It
 * has a session of its own, so that a Ctrl-C in Urna's terminal does not reach it. A killed keeper is
 * replaced at once.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import type { Log } from "./log.ts";
import { KEEPER_NAME, signal } from "./processes.ts";
import { serverEnvironment } from "./server-user.ts";
import type { NodeName } from "./settings.ts";

/**
 * Waits at most 5 s a process and signal, and never signals a pid again that it has seen gone. Where there is a
 * /proc, it sees a process gone that nobody has reaped: with Urna dead that is init's task, and in a container
 * init may be slow at it (seconds, measured) or not do it at all.
 */
const SCRIPT = `
runs() {
  kill -s 0 "$1" 2>/dev/null && { [ ! -d /proc/$$ ] || [ -e "/proc/$1/cwd" ]; }
}
pids=$POSTMASTERS
while read -r line; do pids=$line; done
for signal in INT QUIT KILL; do
  left=
  for pid in $pids; do
    runs "$pid" && kill -s $signal "$pid" 2>/dev/null || continue
    tries=0
    while runs "$pid" && [ $tries -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
    if runs "$pid"; then left="$left $pid"; fi
  done
  pids=$left
done
`;
const RESTART_DELAY_MS = 100;
const END_TIMEOUT_MS = 5000;

export class Keeper implements AsyncDisposable {
  /** Owned by guard(). */
  private readonly pids = new Map<NodeName, number>();
  /** Owned by start(). */
  private process: ChildProcess;
  private closing = false;

  /** `folder` becomes the keeper's working directory: by that it is found if it outlives a killed Urna. */
  constructor(
    private readonly folder: string,
    private readonly log: Log,
  ) {
    this.process = this.start();
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  /** Resolves when the pid is in the pipe: from then on Urna may die. `undefined`: nothing to guard there now. */
  guard(node: NodeName, pid: number | undefined): Promise<void> {
    if (pid === undefined) this.pids.delete(node);
    else this.pids.set(node, pid);
    return this.tell();
  }

  private tell(): Promise<void> {
    // A keeper that is gone is being replaced, and its successor starts with everything.
    const { stdin } = this.process;
    return new Promise((resolve) =>
      stdin ? stdin.write(`${this.postmasters()}\n`, () => resolve()) : resolve(),
    );
  }

  private postmasters(): string {
    return [this.pids.get("primary"), this.pids.get("standby")].filter((pid) => pid !== undefined).join(" ");
  }

  private start(): ChildProcess {
    const keeper = spawn("/bin/sh", ["-c", SCRIPT, KEEPER_NAME], {
      cwd: this.folder,
      detached: true,
      // A successor has them from its first moment on, for Urna may be killed in its second.
      env: { ...serverEnvironment(), POSTMASTERS: this.postmasters() },
      stdio: ["pipe", "ignore", "ignore"],
    });
    keeper.stdin?.on("error", () => {});
    keeper.on("error", (error) => this.log.error({ err: error }, "cannot start the keeper of PostgreSQL"));
    keeper.once("close", () => void this.replace());
    return keeper;
  }

  private async replace(): Promise<void> {
    if (this.closing) return;
    this.log.warn({}, "the keeper of PostgreSQL ended; starting another");
    await pause(RESTART_DELAY_MS);
    if (this.closing) return;
    this.process = this.start();
    // Of what changed while it was being started.
    await this.tell();
  }

  /** To be called when the postmasters are down. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.closing = true;
    const keeper = this.process;
    if (keeper.pid === undefined || keeper.exitCode !== null || keeper.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => keeper.once("exit", () => resolve()));
    keeper.stdin?.end();
    const late = setTimeout(() => signal(keeper.pid!, "SIGKILL"), END_TIMEOUT_MS);
    await ended;
    clearTimeout(late);
  }
}
