/** `urna` as a person runs it, against a peer. */
import { join } from "node:path";
import { ADMIN_TOKEN } from "../client/urna-peer.ts";

const MAIN = join(import.meta.dir, "../../src/main.ts");

export type Run = { exitCode: number; stdout: string; stderr: string };

export type StartedRun = { kill: (signal: NodeJS.Signals) => void; ended: Promise<Run> };

/** Starts `urna <given>` against the peer at `url`. */
export function startUrna(url: string, ...given: string[]): StartedRun {
  const child = Bun.spawn([process.execPath, MAIN, ...given], {
    env: { ...process.env, URNA_URL: url, URNA_ADMIN_TOKEN: ADMIN_TOKEN },
    stdout: "pipe",
    stderr: "pipe",
  });
  const ended = Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return {
    kill: (signal) => child.kill(signal),
    ended: ended.then(([exitCode, stdout, stderr]) => ({ exitCode, stdout, stderr })),
  };
}

export function runUrna(url: string, ...given: string[]): Promise<Run> {
  return startUrna(url, ...given).ended;
}
