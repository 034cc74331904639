/** What PostgreSQL says of its own durability, from every node itself. */
import type { CountingStandby, DurabilitySettings, NodeFacts } from "../recording/durability.ts";
import { hostName, hostUrls } from "./connection-string.ts";
import { cutAfter, Session, type SessionOptions } from "./session.ts";

/** An SQL expression that gives the {@link DurabilitySettings} in force where it runs. */
export const DURABILITY_SETTINGS = `json_build_object(${[
  "fsync",
  "full_page_writes",
  "synchronous_commit",
  "synchronous_standby_names",
  "wal_sync_method",
  "data_checksums",
]
  .map((name) => `'${name}', current_setting('${name}')`)
  .join(", ")})`;

/** Asks every host of the connection string, again and again; each time those that can't be reached are named. */
export function clusterFactsReader(connectionString: string, options: SessionOptions) {
  /** How far the primary's WAL had come when it was last asked. */
  let writtenTo: string | null = null;
  return async () => {
    const { answers, unreachable } = await askHosts(connectionString, options, (session) =>
      readNodeFacts(session, writtenTo),
    );
    writtenTo = answers.find((answer) => answer.writtenTo !== null)?.writtenTo ?? writtenTo;
    return { nodes: answers.map(({ facts }) => facts), unreachable };
  };
}

/** Asks every host the same, connecting and all within `connectTimeoutMs`; the answers are in the hosts' order. */
export async function askHosts<Answer>(
  connectionString: string,
  options: SessionOptions,
  ask: (session: Session) => Promise<Answer>,
): Promise<{ answers: Answer[]; unreachable: string[] }> {
  const unreachable: string[] = [];
  const asked = hostUrls(connectionString).map(async (url) => {
    const endMs = performance.now() + options.connectTimeoutMs;
    try {
      const session = await Session.openHost(url, { ...options, asConfigured: true });
      try {
        return [await cutAfter(session, Math.max(1, endMs - performance.now()), ask(session))];
      } finally {
        session.destroy();
      }
    } catch (error) {
      const { message, code } = error as Error & { code?: string };
      unreachable.push(`${hostName(url)}: ${message || code}`);
      return [];
    }
  });
  return { answers: (await Promise.all(asked)).flat(), unreachable };
}

/** Asks one node; of a primary also which standbys have flushed what was `writtenTo` before, null being nothing. */
async function readNodeFacts(session: Session, writtenTo: string | null) {
  const [row] = await session.query<NodeRow>({ text: NODE_FACTS }, [writtenTo]);
  const { standby, version, settings, system_identifier, standbys, conninfo, slot_name } = row!;
  const facts: NodeFacts = {
    host: session.host,
    isPrimary: !standby,
    version: row!.server_version_num,
    platform: /linux/.test(version) ? "linux" : "other",
    settings,
    systemIdentifier: system_identifier,
    standbys: standbys ?? [],
    follows: conninfo === null ? null : { name: standbyName(conninfo), slot: slot_name },
    seesStandbys: row!.sees_standbys,
  };
  return { facts, writtenTo: row!.written_to };
}

/**
 * The name that a standby streams under, from its own pg_stat_wal_receiver.conninfo, where values are not quoted:
 * primary_conninfo's application_name, or else cluster_name or walreceiver, which are sent as its fallback.
 */
export function standbyName(conninfo: string): string {
  const said = (keyword: string) => new RegExp(`(?:^| )${keyword}=(.*?)(?= [a-z_]+=|$)`).exec(conninfo)?.[1];
  return said("application_name") ?? said("fallback_application_name") ?? "";
}

type NodeRow = {
  standby: boolean;
  server_version_num: number;
  version: string;
  settings: DurabilitySettings;
  system_identifier: string;
  standbys: CountingStandby[] | null;
  conninfo: string | null;
  slot_name: string | null;
  sees_standbys: boolean;
  written_to: string | null;
};

/** `potential` ones count from the moment that another one is lost. A slot is streamed through by one process. */
const NODE_FACTS = `
  SELECT pg_is_in_recovery() AS standby, current_setting('server_version_num')::int4 AS server_version_num,
         version() AS version, ${DURABILITY_SETTINGS} AS settings,
         (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier,
         (SELECT json_agg(json_build_object(
                   'name', application_name,
                   'address', coalesce(host(client_addr), 'a local socket'),
                   'slot', slot_name,
                   'isSynchronous', state = 'streaming' AND sync_state IN ('sync', 'quorum'),
                   'confirms', state = 'streaming' AND coalesce(flush_lsn >= $1::pg_lsn, true)
                 ) ORDER BY application_name)
          FROM pg_stat_replication LEFT JOIN pg_replication_slots ON active_pid = pid
          WHERE sync_state <> 'async') AS standbys,
         conninfo, slot_name,
         pg_has_role('pg_read_all_stats', 'USAGE') AS sees_standbys,
         CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_current_wal_flush_lsn()::text END AS written_to
  FROM (SELECT) AS node LEFT JOIN pg_stat_wal_receiver ON status = 'streaming'`;
