/** A folder for as long as a benchmark runs, removed also when it is interrupted. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folders = new Set<string>();

/** PostgreSQL, which may run as another user, can read it. Disposed of, or removed when the process ends. */
export function scratchFolder(name: string): Disposable & { path: string } {
  if (folders.size === 0) removeAtTheEnd();
  const path = mkdtempSync(join(tmpdir(), `urna-bench-${name}-`));
  chmodSync(path, 0o755);
  folders.add(path);
  return { path, [Symbol.dispose]: () => remove(path) };
}

function remove(path: string): void {
  rmSync(path, { recursive: true, force: true });
  folders.delete(path);
}

let isRegistered = false;

function removeAtTheEnd(): void {
  if (isRegistered) return;
  isRegistered = true;
  process.once("exit", () => {
    for (const path of folders) remove(path);
  });
  // Otherwise a signal ends the process without its end being told.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
}
