#!/usr/bin/env bun
/** Picks the role or command. */
import { Command } from "commander";
import { devCommand } from "./cli/dev.ts";

const program = new Command("urna")
  .description("A real-time voting system that never loses an acknowledged vote.")
  .addCommand(devCommand());

try {
  await program.parseAsync();
} catch (error) {
  console.error(`urna: ${(error as Error).message}`);
  process.exitCode = 1;
}
