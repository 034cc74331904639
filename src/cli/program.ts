/** The program: all commands, how each tells what is wrong with its flags, and what it exits with. */
import { Command, CommanderError } from "commander";
import { version } from "../../package.json";
import { InvalidSecretError } from "../runtime/invalid-secret.ts";
import { devCommand } from "./dev.ts";
import { doctorCommand } from "./doctor.ts";
import { electionCommand } from "./election.ts";
import { EXIT_FAILED, EXIT_USED_WRONGLY, failureText, UsedWrongly } from "./failure.ts";
import { keysCommand } from "./keys.ts";
import { loadCommand } from "./load.ts";
import { planCommand } from "./plan.ts";
import { recountCommand } from "./recount.ts";
import { replayCommand } from "./replay.ts";
import { roleCommands } from "./roles.ts";
import { tokenCommand } from "./token.ts";

export function createProgram(): Command {
  const program = new Command("urna")
    .description("A real-time voting system that never loses an acknowledged vote.")
    .version(version, "--version", "print the version")
    .addCommand(devCommand())
    .addCommand(electionCommand())
    .addCommand(tokenCommand())
    .addCommand(keysCommand())
    .addCommand(replayCommand())
    .addCommand(loadCommand())
    .addCommand(planCommand())
    .addCommand(recountCommand())
    .addCommand(doctorCommand());
  for (const command of roleCommands()) program.addCommand(command);
  refuseAlike(program, "urna");
  return program;
}

/** Runs what was given, prints what went wrong, and sets the exit status. */
export async function runProgram(given: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync(given, { from: "user" });
  } catch (error) {
    process.exitCode = exitStatusOf(error);
    // Commander has printed its own.
    if (!(error instanceof CommanderError)) console.error(`urna: ${failureText(error)}`);
  }
}

function exitStatusOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USED_WRONGLY;
  return error instanceof UsedWrongly || error instanceof InvalidSecretError
    ? EXIT_USED_WRONGLY
    : EXIT_FAILED;
}

/** A command that was added does not take this over from its parent. */
function refuseAlike(command: Command, path: string): void {
  command
    .exitOverride()
    .showHelpAfterError(`(${path} --help tells more)`)
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "urna: ")) });
  for (const child of command.commands) refuseAlike(child, `${path} ${child.name()}`);
}
