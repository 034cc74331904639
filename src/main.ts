#!/usr/bin/env bun
/** Picks the role or command. */
import { Command } from "commander";
import { devCommand } from "./cli/dev.ts";
import { doctorCommand } from "./cli/doctor.ts";
import { electionCommand } from "./cli/election.ts";
import { isBug } from "./cli/failure.ts";
import { keysCommand } from "./cli/keys.ts";
import { loadCommand } from "./cli/load.ts";
import { recountCommand } from "./cli/recount.ts";
import { replayCommand } from "./cli/replay.ts";
import { roleCommands } from "./cli/roles.ts";
import { tokenCommand } from "./cli/token.ts";

const program = new Command("urna")
  .description("A real-time voting system that never loses an acknowledged vote.")
  .addCommand(devCommand())
  .addCommand(electionCommand())
  .addCommand(tokenCommand())
  .addCommand(keysCommand())
  .addCommand(replayCommand())
  .addCommand(loadCommand())
  .addCommand(recountCommand())
  .addCommand(doctorCommand());
for (const command of roleCommands()) program.addCommand(command);

try {
  await program.parseAsync();
} catch (error) {
  console.error(`urna: ${isBug(error) ? error.stack : (error as Error).message}`);
  process.exitCode = 1;
}
