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
    .addOption(OPTIONS.ledgers())
    .addOption(OPTIONS.kafka())
    .addOption(OPTIONS.partitions())
    .addOption(OPTIONS.redis())
    .addOption(OPTIONS.clientAddressHeader())
    .addOption(OPTIONS.lanes())
    .addOption(OPTIONS.batchBallotsMax())
    .addOption(OPTIONS.ballotsPerSecondMax())
    .addOption(OPTIONS.deadlineMs())
    .addOption(OPTIONS.drainMs())
    .addOption(OPTIONS.overrideGate())
    .addOption(OPTIONS.logFormat("text"))
    .addOption(OPTIONS.logLevel())
    .addHelpText("after", HELP)
    .action((config: DevConfig) => endAfter(runDev(config)));
}

const HELP = `
It runs until Ctrl-C, then answers what is on its way, for --deadline-ms and a second at most, and stops PostgreSQL.
Its data stays in the data folder.

Exit status: 0 stopped, 1 could not start or go on, 2 used wrongly.

Examples:
  urna dev
  urna dev --port 0 --data /var/lib/urna`;
