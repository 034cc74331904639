/** The ledgers' schema: brought up to date by whoever runs elections, and asked for by everybody else. */
import { randomUUID } from "node:crypto";
import { HOME_LEDGER } from "../election/buffering.ts";
import { writeWal } from "../postgres/ballots.ts";
import { commitOrThrow } from "../postgres/durable-commit.ts";
import { becomeLedger, type LedgerIdentity, selectIdentity } from "../postgres/ledger-identity.ts";
import { migrate, pendingMigrations } from "../postgres/migrate.ts";
import { Session } from "../postgres/session.ts";
import type { Log } from "../runtime/log.ts";
import { HOME_LEDGER_NAME, sessionOptions } from "./ledger.ts";

const MIGRATION_TIMEOUT_MS = 60_000;

/** The home ledger's schema, and that it is one. */
export async function updateSchema(databaseUrl: string, log: Log): Promise<LedgerIdentity> {
  return setUpLedger(
    databaseUrl,
    { number: HOME_LEDGER, name: HOME_LEDGER_NAME, deployment: randomUUID() },
    log,
  );
}

/** May be done again, by several processes at once. Throws where the database is another ledger already. */
export async function setUpLedger(
  databaseUrl: string,
  identity: LedgerIdentity,
  log: Log,
): Promise<LedgerIdentity> {
  await using session = await Session.openPrimary(databaseUrl, sessionOptions("urna migrations"));
  for (const name of await migrate(session, MIGRATION_TIMEOUT_MS)) {
    log.info(`migration ${name} applied to ledger ${identity.name}`);
  }
  return await commitOrThrow(session, MIGRATION_TIMEOUT_MS, async () => {
    await writeWal(session);
    return becomeLedger(session, identity);
  });
}

/** Only the admin role changes the schema: many gateways starting at once must not. */
export async function refusePendingMigrations(databaseUrl: string): Promise<void> {
  await using session = await Session.openPrimary(databaseUrl, sessionOptions("urna schema check"));
  const pending = await pendingMigrations(session);
  if (pending.length > 0) {
    throw new Error(
      `the ledger's schema lacks ${pending.join(", ")}: start \`urna admin\`, which applies them`,
    );
  }
  const identity = await selectIdentity(session);
  if (identity === null || identity.number === HOME_LEDGER) return;
  throw new Error(
    `--database-url (DATABASE_URL) leads to ledger ${identity.name}: name the home ledger, in which elections are run`,
  );
}
