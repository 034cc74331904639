/** `urna gateway`, `urna recorder`, `urna results`, `urna admin` */
import { Command } from "commander";
import {
  type AdminConfig,
  type GatewayConfig,
  type RecorderConfig,
  type RoleConfig,
  runAdmin,
  runGateway,
  runRecorder,
  runResults,
} from "../roles/separate.ts";
import { OPTIONS } from "../runtime/options.ts";
import { endAfter } from "./end-after.ts";
import { addNeeded } from "./needed.ts";

export function roleCommands(): Command[] {
  return [
    roleCommand(
      "gateway",
      "take ballots over HTTP and record them in the ledger",
      "--secrets-file gateway.json",
    )
      .addOption(OPTIONS.secretsFile())
      .addOption(OPTIONS.kafka())
      .addOption(OPTIONS.lanes())
      .addOption(OPTIONS.batchBallotsMax())
      .addOption(OPTIONS.ballotsPerSecondMax())
      .addOption(OPTIONS.overrideGate())
      .action((config: GatewayConfig) => endAfter(runGateway(config))),
    addNeeded(
      roleCommand(
        "recorder",
        "record the ballots of buffered elections out of Kafka, each in the ledger of its partition",
        "--kafka kafka://k1:9092,k2:9092,k3:9092",
      ),
      OPTIONS.kafka(),
    )
      .addOption(OPTIONS.overrideGate())
      .action((config: RecorderConfig) => endAfter(runRecorder(config))),
    roleCommand(
      "results",
      "count what was recorded and show it live; serve the pages; verify receipts",
      "--port 8081",
    )
      .addHelpText("after", "\nA contest's figures, on the command line: urna election results <contest>")
      .action((config: RoleConfig) => endAfter(runResults(config))),
    addNeeded(
      roleCommand(
        "admin",
        "run elections over HTTP, make closed contests final, keep the schema up to date",
        "--secrets-file secrets.json",
      ),
      OPTIONS.adminToken(),
    )
      .addOption(OPTIONS.secretsFile())
      .addOption(OPTIONS.kafka())
      .addOption(OPTIONS.partitions())
      .addOption(OPTIONS.drainMs())
      .action((config: AdminConfig) => endAfter(runAdmin(config))),
  ];
}

function roleCommand(name: string, description: string, flags: string): Command {
  return addNeeded(new Command(name), OPTIONS.databaseUrl())
    .description(description)
    .addOption(OPTIONS.ledgers())
    .addOption(OPTIONS.port())
    .addOption(OPTIONS.host("0.0.0.0"))
    .addOption(OPTIONS.redis())
    .addOption(OPTIONS.clientAddressHeader())
    .addOption(OPTIONS.deadlineMs())
    .addOption(OPTIONS.logFormat("json"))
    .addOption(OPTIONS.logLevel())
    .addHelpText("after", `${EXITS}\n\nExample:\n  urna ${name} --database-url ${DATABASE} ${flags}`);
}

const DATABASE = "postgres://urna@db1,db2/urna";
const EXITS = `
It runs until SIGINT or SIGTERM, then answers what is on its way: for --deadline-ms and a second at most.

Exit status: 0 stopped, 1 could not start or go on, 2 used wrongly.`;
