/** `urna doctor`: is this deployment safe to take votes? */
import { Command } from "commander";
import { hostName, hostUrls } from "../postgres/connection-string.ts";
import { askHosts, readClusterFacts } from "../postgres/durability.ts";
import { GateCommit, notConfirmed } from "../postgres/gate-commit.ts";
import { type NodeLimits, readNodeLimits } from "../postgres/node-limits.ts";
import { clusterChecks, type DurabilityCheck } from "../recording/durability.ts";
import { kafkaAddress } from "../roles/kafka.ts";
import { type NamedLedger, OPTIONS } from "../runtime/options.ts";
import type { RedisAddress } from "../runtime/redis-address.ts";
import { connectionChecks, nodeClockCheck, reachableChecks, shownChecks } from "./doctor-checks.ts";
import { kafkaChecks } from "./doctor-kafka.ts";
import { redisChecks } from "./doctor-redis.ts";
import { CommandFailed, failureText } from "./failure.ts";
import { identityChecks } from "./further-ledgers.ts";
import { readDevFile } from "./target.ts";

const SESSION = { applicationName: "urna doctor", connectTimeoutMs: 5_000, lockTimeoutMs: 1_000 };
const COMMIT_TIMEOUT_MS = 5_000;
/** Commits that have waited so long say enough: another one would only take one more connection. */
const WAIT_MS_MAX = 2_000;

const EXIT_UNSAFE = 1;
const EXIT_NOT_ASKED = 2;

type DoctorFlags = {
  databaseUrl?: string;
  ledgers: NamedLedger[];
  kafka?: string;
  redis?: RedisAddress;
  data: string;
  json?: boolean;
};

export function doctorCommand(): Command {
  return new Command("doctor")
    .description(
      "check, on every PostgreSQL node and Kafka's brokers, that an acknowledged ballot can't be lost",
    )
    .addOption(OPTIONS.databaseUrl())
    .addOption(OPTIONS.ledgers())
    .addOption(OPTIONS.kafka())
    .addOption(OPTIONS.redis())
    .addOption(OPTIONS.data())
    .option("--json", "print JSON, for machines")
    .addHelpText(
      "after",
      "\nExit status: 0 all is well, 1 something is not, 2 nobody could be asked." +
        "\n\nExamples:\n  urna doctor --database-url postgres://urna@db1,db2/urna" +
        "\n  urna doctor --database-url … --ledgers 'east=postgres://urna@e1,e2/urna' --kafka kafka://k1,k2,k3",
    )
    .action(runDoctor);
}

async function runDoctor(flags: DoctorFlags): Promise<void> {
  let databaseUrl: string;
  try {
    databaseUrl = ledgerOf(flags);
    if (flags.kafka !== undefined) kafkaAddress(flags.kafka);
    for (const ledger of flags.ledgers) hostUrls(ledger.databaseUrl).forEach(hostName);
  } catch (error) {
    console.error(`urna: nobody was asked: ${failureText(error)}`);
    process.exitCode = EXIT_NOT_ASKED;
    return;
  }
  const { checks, asked } = await examine(databaseUrl);
  for (const { name, databaseUrl: url } of flags.ledgers) {
    checks.push(...(await examine(url)).checks.map((check) => ofLedger(name, check)));
  }
  checks.push(...(await identityChecks(databaseUrl, flags.ledgers)));
  if (flags.kafka !== undefined) checks.push(...(await kafkaChecks(flags.kafka, databaseUrl, SESSION)));
  const ofRedis = await redisChecks(flags.redis);
  const safe = isWell(checks);
  const all = [...checks, ...ofRedis];
  console.log(flags.json ? JSON.stringify({ safe, checks: all }) : all.map(line).join("\n"));
  if (!flags.json) console.log(`\n${verdict(safe, isWell(ofRedis))}`);
  if (!isWell(all)) process.exitCode = asked ? EXIT_UNSAFE : EXIT_NOT_ASKED;
}

function isWell(checks: readonly DurabilityCheck[]): boolean {
  return checks.every(({ ok }) => ok);
}

/** No vote rests on Redis. */
function verdict(isSafe: boolean, isRedisWell: boolean): string {
  if (!isSafe) return "NOT safe to take votes";
  return isRedisWell ? "safe to take votes" : "safe to take votes; Redis is not as it should be";
}

/** A connection string whose hosts can be read. Throws what a person can do about it. */
function ledgerOf({ databaseUrl, data }: DoctorFlags): string {
  const known = databaseUrl ?? readDevFile(data)?.databaseUrl;
  if (known === undefined) {
    throw new CommandFailed(
      "no ledger is known: start urna dev, name its --data folder, or set --database-url (DATABASE_URL)",
    );
  }
  hostUrls(known).forEach(hostName);
  return known;
}

async function examine(databaseUrl: string): Promise<{ checks: DurabilityCheck[]; asked: boolean }> {
  const { nodes, unreachable } = await readClusterFacts(databaseUrl, SESSION);
  const { answers: limits } = await askHosts(databaseUrl, SESSION, readNodeLimits);
  const checks = [
    ...reachableChecks(nodes, unreachable),
    ...shownChecks(nodes),
    ...clusterChecks(nodes, unreachable),
    await commitCheck(databaseUrl, limits),
    ...connectionChecks(limits),
    ...limits.map(nodeClockCheck),
  ];
  return { checks, asked: nodes.length > 0 };
}

function ofLedger(name: string, { check, mend, ...rest }: DurabilityCheck): DurabilityCheck {
  const named = mend.replaceAll("DATABASE_URL", "its address in URNA_LEDGERS");
  return { ...rest, check: `ledger ${name}: ${check}`, mend: named };
}

async function commitCheck(databaseUrl: string, limits: readonly NodeLimits[]): Promise<DurabilityCheck> {
  const oldestWaitMs = Math.max(0, ...limits.map((each) => each.oldestWaitMs));
  if (oldestWaitMs > WAIT_MS_MAX)
    return notConfirmed(`(one has waited for ${Math.round(oldestWaitMs / 1000)} s)`);
  await using commit = new GateCommit({
    ...SESSION,
    connectionString: databaseUrl,
    timeoutMs: COMMIT_TIMEOUT_MS,
  });
  return await commit.confirm();
}

function line({ check, ok, found, mend }: DurabilityCheck): string {
  return ok ? `ok     ${check}: ${found}` : `WRONG  ${check}: ${found}\n       mend: ${mend}`;
}
