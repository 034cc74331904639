/** PostgreSQL nodes that hang: alive, connected, and answering nothing. */
import { expect } from "bun:test";
import { processesIn, signal } from "../../src/embedded/processes.ts";

/** Freezes a node; thawed when disposed of. */
export function freeze(dataFolder: string): Disposable {
  const frozen = processesIn(dataFolder);
  expect(frozen.length).toBeGreaterThan(1);
  for (const pid of frozen) process.kill(pid, "SIGSTOP");
  return {
    [Symbol.dispose]: () => {
      for (const pid of frozen) signal(pid, "SIGCONT");
    },
  };
}
