/** `urna dev` */
import { Command } from "commander";
import { type DevConfig, runDev } from "../roles/dev.ts";
import { OPTIONS } from "../runtime/options.ts";
import { endAfter } from "./end-after.ts";

export function devCommand(): Command {
  return new Command("dev")
    .description(
      "run a whole Urna on this machine: an embedded PostgreSQL with a synchronous standby, every role, the pages",
    )
    .addOption(OPTIONS.port())
    .addOption(OPTIONS.host("127.0.0.1"))
    .addOption(OPTIONS.data())
    .addOption(OPTIONS.adminToken())
    .addOption(OPTIONS.databaseUrl())
    .addOption(OPTIONS.lanes())
    .addOption(OPTIONS.deadlineMs())
    .addOption(OPTIONS.drainMs())
    .addOption(OPTIONS.overrideGate())
    .addOption(OPTIONS.logFormat("text"))
    .addOption(OPTIONS.logLevel())
    .action((config: DevConfig) => endAfter(runDev(config)));
}
