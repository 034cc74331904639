/** What PostgreSQL says of its own durability, from every node itself. */
import type { DurabilitySettings, NodeFacts } from "../recording/durability.ts";
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

/** Asks every host of the connection string. Those that can't be reached are named with the reason. */
export async function readClusterFacts(connectionString: string, options: SessionOptions) {
  const nodes: NodeFacts[] = [];
  const unreachable: string[] = [];
  await Promise.all(
    hostUrls(connectionString).map(async (url) => {
      try {
        const session = await Session.openHost(url, { ...options, asConfigured: true });
        try {
          nodes.push(await cutAfter(session, options.connectTimeoutMs, readNodeFacts(session)));
        } finally {
          session.destroy();
        }
      } catch (error) {
        unreachable.push(`${hostName(url)}: ${(error as Error).message}`);
      }
    }),
  );
  nodes.sort((a, b) => a.host.localeCompare(b.host));
  return { nodes, unreachable };
}

/** Asks one node. */
export async function readNodeFacts(session: Session): Promise<NodeFacts> {
  const [row] = await session.query<NodeRow>({
    text: `
      SELECT pg_is_in_recovery() AS standby, current_setting('server_version') AS server_version,
             version() AS version, ${DURABILITY_SETTINGS} AS settings,
             (SELECT coalesce(array_agg(application_name ORDER BY application_name), '{}')
              FROM pg_stat_replication
              WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum')) AS synchronous_standbys,
             pg_has_role('pg_read_all_stats', 'USAGE') AS sees_standbys`,
  });
  return {
    host: session.host,
    isPrimary: !row!.standby,
    serverVersion: row!.server_version,
    platform: /linux/.test(row!.version) ? "linux" : "other",
    settings: row!.settings,
    synchronousStandbys: row!.synchronous_standbys,
    seesStandbys: row!.sees_standbys,
  };
}

type NodeRow = {
  standby: boolean;
  server_version: string;
  version: string;
  settings: DurabilitySettings;
  synchronous_standbys: string[];
  sees_standbys: boolean;
};
