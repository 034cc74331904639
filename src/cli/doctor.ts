/** `urna doctor`: is this deployment safe to take votes? */
import { Command } from "commander";
import { readClusterFacts } from "../postgres/durability.ts";
import { clusterChecks, type DurabilityCheck } from "../recording/durability.ts";
import { OPTIONS } from "../runtime/options.ts";
import { CommandFailed } from "./failure.ts";
import { readDevFile } from "./target.ts";

const SESSION = { applicationName: "urna doctor", connectTimeoutMs: 5_000, lockTimeoutMs: 1_000 };

type DoctorFlags = { databaseUrl?: string; data: string; json?: boolean };

export function doctorCommand(): Command {
  return new Command("doctor")
    .description("check, on every PostgreSQL node itself, that an acknowledged ballot can't be lost")
    .addOption(OPTIONS.databaseUrl())
    .addOption(OPTIONS.data())
    .option("--json", "print JSON, for machines")
    .addHelpText(
      "after",
      "\nExit status: 0 safe, 1 not safe.\n\nExample:\n  urna doctor --database-url postgres://urna@db1,db2/urna",
    )
    .action(runDoctor);
}

async function runDoctor(flags: DoctorFlags): Promise<void> {
  const databaseUrl = flags.databaseUrl ?? readDevFile(flags.data)?.databaseUrl;
  if (databaseUrl === undefined) {
    throw new CommandFailed(
      "no ledger is known: start urna dev, name its --data folder, or set --database-url (DATABASE_URL)",
    );
  }
  const { nodes, unreachable } = await readClusterFacts(databaseUrl, SESSION);
  const checks = [...clusterChecks(nodes, unreachable), ...unreachable.map(unreachableCheck)];
  const safe = checks.every(({ ok }) => ok);
  console.log(flags.json ? JSON.stringify({ safe, checks }) : checks.map(line).join("\n"));
  if (!flags.json) console.log(safe ? "\nsafe to take votes" : "\nNOT safe to take votes");
  if (!safe) process.exitCode = 1;
}

function unreachableCheck(host: string): DurabilityCheck {
  return {
    check: `${host.split(": ")[0]} reachable`,
    ok: false,
    found: host,
    mend: "start the node, or take it out of the connection string",
  };
}

function line({ check, ok, found, mend }: DurabilityCheck): string {
  return ok ? `ok     ${check}: ${found}` : `WRONG  ${check}: ${found}\n       mend: ${mend}`;
}
