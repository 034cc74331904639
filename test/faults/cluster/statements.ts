/** What the cluster under test asks of PostgreSQL: SQL of the tests' own, as an operator's tools would have it. */
import pg from "pg";

export type Client = pg.Client;

/** Where a node is reached, and as whom. */
export type Address = { port: number; user: string; password: string; database: string };

const CONNECT_TIMEOUT_MS = 1_000;
/** A node that does not answer for so long counts as out of reach. */
const ANSWER_TIMEOUT_MS = 5_000;

/** Runs `work` on one connection of its own. Throws when the node does not answer in time. */
export async function withClient<T>(address: Address, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    host: "127.0.0.1",
    ...address,
    ssl: false,
    application_name: "urna_faults",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
  });
  client.on("error", () => undefined); // whatever was in flight rejects
  try {
    await client.connect();
    return await work(client);
  } finally {
    void client.end().catch(() => undefined);
  }
}

export async function isStandby(client: Client): Promise<boolean> {
  const { rows } = await client.query("SELECT pg_is_in_recovery() AS standby");
  return rows[0].standby;
}

/** Writes WAL and commits: returns when a synchronous standby has it. */
export async function confirmCommit(client: Client): Promise<void> {
  await client.query("SELECT pg_logical_emit_message(true, 'urna faults', '')");
}

export async function reloadConfiguration(client: Client): Promise<void> {
  await client.query("SELECT pg_reload_conf()");
}

/** From now on the standby receives nothing from anybody; what it has is all that it will have. */
export async function stopReceiving(client: Client): Promise<void> {
  await client.query("ALTER SYSTEM SET primary_conninfo = ''");
  await reloadConfiguration(client);
}

/**
 * Whether nothing is received any more, and all that was is replayed. A standby that was just started has WAL on its disk
 * that neither position counts before it is replayed: by those it would seem to lag (measured).
 */
export async function isAtItsEnd(client: Client): Promise<boolean> {
  const { rows } = await client.query(
    `SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)
       AND EXISTS (SELECT FROM pg_stat_activity
                   WHERE backend_type = 'startup' AND wait_event = 'RecoveryRetrieveRetryInterval') AS at_end`,
  );
  return rows[0].at_end;
}

export async function receiveFrom(client: Client, connectionInfo: string): Promise<void> {
  await client.query(`ALTER SYSTEM SET primary_conninfo = '${connectionInfo}'`);
  await reloadConfiguration(client);
}

/** How far the standby's WAL goes, in bytes. */
export async function receivedTo(client: Client): Promise<number> {
  const { rows } = await client.query(
    `SELECT pg_wal_lsn_diff(greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0')::text AS bytes`,
  );
  return Number(rows[0].bytes);
}

/** Resolves when it is a primary. */
export async function promote(client: Client): Promise<void> {
  await client.query("SELECT pg_promote(wait => true)");
}

/** The standbys that stream from this primary and count for its commits. */
export async function synchronousStandbys(client: Client): Promise<string[]> {
  const { rows } = await client.query(
    `SELECT application_name AS name FROM pg_stat_replication
     WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum') ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

/** Server processes whose commit waits for a standby. */
export async function waitingCommits(client: Client): Promise<number[]> {
  const { rows } = await client.query("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
  return rows.map(({ pid }) => pid);
}

export type EndOfWait = "pg_cancel_backend" | "pg_terminate_backend";

/** Ends the waits for a standby that there are now; how many they were. */
export async function endWaits(client: Client, how: EndOfWait): Promise<number> {
  const { rowCount } = await client.query(
    `SELECT ${how}(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`,
  );
  return rowCount ?? 0;
}

/** Puts a setting into force, or, without a value, back to what postgresql.conf says. */
export async function changeSetting(client: Client, name: string, value: string | null): Promise<void> {
  await client.query(value === null ? `ALTER SYSTEM RESET ${name}` : `ALTER SYSTEM SET ${name} = '${value}'`);
  await reloadConfiguration(client);
}

export async function resetSettings(client: Client): Promise<void> {
  await client.query("ALTER SYSTEM RESET ALL");
  await reloadConfiguration(client);
}

/** The database, and an ordinary role for Urna's processes as docs/operations/running.md says. */
export async function createDatabase(client: Client, database: string, role: string, password: string) {
  await client.query(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
  await client.query(`CREATE DATABASE ${database} OWNER ${role}`);
  await client.query(`GRANT pg_monitor TO ${role}`);
}

/** Begins a new WAL segment, for which there must be room. */
export async function switchSegment(client: Client): Promise<void> {
  await client.query("SELECT pg_switch_wal()");
}
