/** The statements that the embedded cluster runs while it starts: one named statement a function. */
import pg from "pg";
import { DATABASE, STANDBY_SLOT, USER } from "./settings.ts";

export type Client = pg.Client;

const CONNECT_TIMEOUT_MS = 5000;
/** The node is starting, stopping, recovering or was just killed, or (3D000) has not yet replayed the database. */
const NOT_YET_CODES = new Set(["57P03", "57P01", "57P02", "3D000", "ECONNREFUSED", "ECONNRESET", "EPIPE"]);

/** One connection as superuser, or undefined when the node does not accept connections yet. */
export async function connect(port: number, password: string, database: string): Promise<Client | undefined> {
  const client = new pg.Client({
    host: "127.0.0.1",
    port,
    user: USER,
    password,
    database,
    ssl: false,
    application_name: "urna_embedded",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  client.on("error", () => {}); // whatever was in flight rejects; an idle connection has nothing to say
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    const { code, message } = error as Error & { code?: string };
    if (NOT_YET_CODES.has(code ?? "") || /timeout|terminated unexpectedly/i.test(message)) return undefined;
    throw error;
  }
}

export async function isInRecovery(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ recovering: boolean }>("SELECT pg_is_in_recovery() AS recovering");
  return rows[0]!.recovering;
}

/** Makes a primary of a standby; resolves when it is one. */
export async function promote(client: Client): Promise<void> {
  await client.query("SELECT pg_promote(wait => true, wait_seconds => 60)");
}

export type Following = { streaming: boolean; slotLost: boolean };

/** How the standby stands, asked of the primary. With no synchronous standby wanted (a test's), streaming is enough. */
export async function following(client: Client, standbyName: string): Promise<Following> {
  const { rows } = await client.query<Following>(
    `SELECT
       EXISTS (
         SELECT FROM pg_stat_replication
         WHERE application_name = $1 AND state = 'streaming'
           AND (sync_state IN ('sync', 'quorum') OR current_setting('synchronous_standby_names') = '')
       ) AS "streaming",
       EXISTS (
         SELECT FROM pg_replication_slots WHERE slot_name = $2 AND wal_status = 'lost'
       ) AS "slotLost"`,
    [standbyName, STANDBY_SLOT],
  );
  return rows[0]!;
}

/** How far in the WAL a standby is, as text. */
export async function replayedTo(standby: Client): Promise<string> {
  const { rows } = await standby.query<{ position: string }>("SELECT pg_last_wal_replay_lsn() AS position");
  return rows[0]!.position;
}

/** Whether the primary's WAL ends before `position`. */
export async function isBehind(primary: Client, position: string): Promise<boolean> {
  const { rows } = await primary.query<{ behind: boolean }>(
    "SELECT pg_current_wal_flush_lsn() < $1::pg_lsn AS behind",
    [position],
  );
  return rows[0]!.behind;
}

export async function databaseExists(client: Client): Promise<boolean> {
  const { rowCount } = await client.query("SELECT FROM pg_database WHERE datname = $1", [DATABASE]);
  return rowCount === 1;
}

export async function createDatabase(client: Client): Promise<void> {
  await client.query(`CREATE DATABASE ${DATABASE}`);
}

/** False while a walsender still holds the slot. */
export async function dropSlot(client: Client): Promise<boolean> {
  try {
    await client.query(
      "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1",
      [STANDBY_SLOT],
    );
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === "55006") return false; // object_in_use
    throw error;
  }
}

/** Keeps the WAL from now on, until the standby says that it has it. */
export async function createSlot(client: Client): Promise<void> {
  await client.query("SELECT pg_create_physical_replication_slot($1, immediately_reserve => true)", [
    STANDBY_SLOT,
  ]);
}

export async function startBackup(client: Client): Promise<void> {
  await client.query("SELECT pg_backup_start('urna standby', fast => true)");
}

export type BackupLabels = { backupLabel: string; tablespaceMap: string };

/** To be called on the connection that started the backup. */
export async function stopBackup(client: Client): Promise<BackupLabels> {
  const { rows } = await client.query<BackupLabels>(
    `SELECT labelfile AS "backupLabel", spcmapfile AS "tablespaceMap"
     FROM pg_backup_stop(wait_for_archive => false)`,
  );
  return rows[0]!;
}
