/** The ledger's schema: brought up to date by whoever runs elections, and asked for by everybody else. */
import { migrate, pendingMigrations } from "../postgres/migrate.ts";
import { Session } from "../postgres/session.ts";
import type { Log } from "../runtime/log.ts";
import { sessionOptions } from "./ledger.ts";

const MIGRATION_TIMEOUT_MS = 60_000;

export async function updateSchema(databaseUrl: string, log: Log): Promise<void> {
  await using session = await Session.openPrimary(databaseUrl, sessionOptions("urna migrations"));
  for (const name of await migrate(session, MIGRATION_TIMEOUT_MS)) log.info(`migration ${name} applied`);
}

/** Only the admin role changes the schema: many gateways starting at once must not. */
export async function refusePendingMigrations(databaseUrl: string): Promise<void> {
  await using session = await Session.openPrimary(databaseUrl, sessionOptions("urna schema check"));
  const pending = await pendingMigrations(session);
  if (pending.length === 0) return;
  throw new Error(
    `the ledger's schema lacks ${pending.join(", ")}: start \`urna admin\`, which applies them`,
  );
}
