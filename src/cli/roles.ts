/** `urna gateway`, `urna results`, `urna admin` */
import { Command } from "commander";
import {
  type AdminConfig,
  type GatewayConfig,
  type RoleConfig,
  runAdmin,
  runGateway,
  runResults,
} from "../roles/separate.ts";
import { OPTIONS } from "../runtime/options.ts";
import { endAfter } from "./end-after.ts";

export function roleCommands(): Command[] {
  return [
    roleCommand("gateway", "take ballots over HTTP and record them in the ledger")
      .addOption(OPTIONS.secretsFile())
      .addOption(OPTIONS.lanes())
      .addOption(OPTIONS.overrideGate())
      .action((config: GatewayConfig) => endAfter(runGateway(config))),
    roleCommand(
      "results",
      "count what was recorded and show it live; serve the pages; verify receipts",
    ).action((config: RoleConfig) => endAfter(runResults(config))),
    roleCommand("admin", "run elections over HTTP, make closed contests final, keep the schema up to date")
      .addOption(OPTIONS.secretsFile())
      .addOption(OPTIONS.adminToken().makeOptionMandatory())
      .addOption(OPTIONS.drainMs())
      .action((config: AdminConfig) => endAfter(runAdmin(config))),
  ];
}

function roleCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .addOption(OPTIONS.port())
    .addOption(OPTIONS.host("0.0.0.0"))
    .addOption(OPTIONS.databaseUrl().makeOptionMandatory())
    .addOption(OPTIONS.deadlineMs())
    .addOption(OPTIONS.logFormat("json"))
    .addOption(OPTIONS.logLevel());
}
