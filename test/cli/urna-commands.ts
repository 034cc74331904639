/** The commands that act over HTTP as a program of their own, to be run as a person runs them. */
import { Command } from "commander";
import { electionCommand } from "../../src/cli/election.ts";
import { loadCommand } from "../../src/cli/load.ts";
import { replayCommand } from "../../src/cli/replay.ts";
import { tokenCommand } from "../../src/cli/token.ts";
import { ADMIN_TOKEN } from "../client/urna-peer.ts";

export type Run = { exitCode: number; stdout: string; stderr: string };

export type StartedRun = { kill: (signal: NodeJS.Signals) => void; ended: Promise<Run> };

/** Starts `urna <given>` against the peer at `url`. */
export function startUrna(url: string, ...given: string[]): StartedRun {
  const child = Bun.spawn([process.execPath, import.meta.path, ...given], {
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

if (import.meta.main) {
  const commands = [electionCommand(), tokenCommand(), replayCommand(), loadCommand()];
  const program = new Command("urna");
  for (const command of commands) program.addCommand(command);
  try {
    await program.parseAsync();
  } catch (error) {
    console.error(`urna: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
