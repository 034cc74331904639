/** What PostgreSQL says of its own durability, from every node itself. */
import type { CountingStandby, DurabilitySettings, NodeFacts } from "../recording/durability.ts";
import type { NodeQuestion } from "../recording/gate-monitor.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { hostName, hostUrls } from "./connection-string.ts";
import { HostSession } from "./host-session.ts";
import type { Session, SessionOptions } from "./session.ts";

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

/** A standby that has flushed what was written so long ago, or longer, confirms commits. */
const CONFIRMED_WITHIN_MS = 1_000;

/** So old a session may be when it is asked: what comes with a connection is noticed so much later. */
const NODE_SESSION_MS_MAX = 3_000;

/** What to ask each host of the connection string, again and again, until it is disposed of. */
export function nodeQuestions(
  connectionString: string,
  options: SessionOptions,
  clock: Clock,
): (NodeQuestion & Disposable)[] {
  return hostUrls(connectionString).map((url) => {
    const host = new HostSession(url, { ...options, clock, keptMsMax: NODE_SESSION_MS_MAX });
    /** How far the node's WAL had come as a primary, oldest first; of those of long enough ago only the last. */
    let written: { to: string; atMs: number }[] = [];
    const ask = async () => {
      const askedAtMs = clock.steadyMs();
      const known = written.findLastIndex(({ atMs }) => askedAtMs - atMs >= CONFIRMED_WITHIN_MS);
      const askNode = (session: Session) => readNodeFacts(session, written[known]?.to ?? null);
      const { facts, writtenTo } = await host.ask(askNode);
      // By now, and not when it was asked: it may have been written since.
      const atMs = clock.steadyMs();
      written = writtenTo === null ? [] : [...written.slice(Math.max(0, known)), { to: writtenTo, atMs }];
      return facts;
    };
    return { host: hostName(url), ask, [Symbol.dispose]: () => host[Symbol.dispose]() };
  });
}

/** Asks every node once; those that can't be reached are named, and why. */
export async function readClusterFacts(connectionString: string, options: SessionOptions) {
  const ask = (session: Session) => readNodeFacts(session, null);
  const { answers, unreachable } = await askHosts(connectionString, options, ask);
  return { nodes: answers.map(({ facts }) => facts), unreachable };
}

/** Asks every host the same, as {@link HostSession} does; the answers are in the hosts' order. */
export async function askHosts<Answer>(
  connectionString: string,
  options: SessionOptions,
  ask: (session: Session) => Promise<Answer>,
): Promise<{ answers: Answer[]; unreachable: string[] }> {
  const unreachable: string[] = [];
  const asked = hostUrls(connectionString).map(async (url) => {
    using host = new HostSession(url, { ...options, clock: systemClock, keptMsMax: 0 });
    try {
      return [await host.ask(ask)];
    } catch (error) {
      unreachable.push(`${hostName(url)}: ${(error as Error).message}`);
      return [];
    }
  });
  return { answers: (await Promise.all(asked)).flat(), unreachable };
}

/** Asks one node; of a primary also which standbys have flushed what was `writtenTo` before, null being nothing. */
async function readNodeFacts(session: Session, writtenTo: string | null) {
  const [row] = await session.query<NodeRow>({ name: "node_facts", text: NODE_FACTS }, [writtenTo]);
  const { standby, version, settings, system_identifier, standbys, conninfo, slot_name } = row!;
  const facts: NodeFacts = {
    host: session.host,
    isPrimary: !standby,
    timeline: row!.timeline,
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
  timeline: number | null;
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

/**
 * A WAL file's name begins with its timeline. `potential` standbys count from the moment that another one is lost. A
 * slot is streamed through by one process.
 */
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
         CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_flush_lsn()::text END AS written_to,
         CASE WHEN NOT pg_is_in_recovery()
              THEN ('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::int4 END AS timeline
  FROM (SELECT) AS node LEFT JOIN pg_stat_wal_receiver ON status = 'streaming'`;
