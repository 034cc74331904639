/** Brings the schema up to this version: numbered plain SQL files, each applied once, never edited. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { commitOrThrow } from "./durable-commit.ts";
import type { Session } from "./session.ts";

const FOLDER = fileURLToPath(new URL("./migrations/", import.meta.url));

type Migration = { version: number; name: string; sql: string };

function migrations(): Migration[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith(".sql"))
    .sort()
    .map((name) => ({
      version: Number(name.slice(0, 4)),
      name,
      sql: readFileSync(`${FOLDER}${name}`, "utf8"),
    }));
}

/** Applies what is missing, in one transaction; several processes may do so at once. Returns the names applied. */
export async function migrate(session: Session, timeoutMs: number): Promise<string[]> {
  await session.query({
    text: `
      CREATE TABLE IF NOT EXISTS schema_migrations (
        version int4 PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
  });
  return commitOrThrow(session, timeoutMs, async () => {
    await session.query({ text: "LOCK TABLE schema_migrations IN EXCLUSIVE MODE" });
    const missing = await missingMigrations(session);
    for (const { version, name, sql } of missing) {
      await session.query({ text: sql });
      await session.query({ text: "INSERT INTO schema_migrations (version, name) VALUES ($1, $2)" }, [
        version,
        name,
      ]);
    }
    return missing.map(({ name }) => name);
  });
}

/** The names of those that this version needs and the ledger lacks. */
export async function pendingMigrations(session: Session): Promise<string[]> {
  const [row] = await session.query<{ exists: boolean }>({
    text: "SELECT to_regclass('schema_migrations') IS NOT NULL AS exists",
  });
  const missing = row?.exists ? await missingMigrations(session) : migrations();
  return missing.map(({ name }) => name);
}

async function missingMigrations(session: Session): Promise<Migration[]> {
  const done = await session.query<{ version: number }>({ text: "SELECT version FROM schema_migrations" });
  const versions = new Set(done.map(({ version }) => version));
  return migrations().filter(({ version }) => !versions.has(version));
}
