/** The PostgreSQL settings of the two embedded nodes. */

export type NodeName = "primary" | "standby";
export type Settings = Record<string, string>;

export const USER = "urna";
export const DATABASE = "urna";
/** The physical slot on the primary that keeps the WAL which the standby has not yet received. */
export const STANDBY_SLOT = "urna_standby";

/** What a node calls itself when it streams from the other one. */
export const applicationName = { primary: "urna_primary", standby: "urna_standby" } as const;

const DURABLE: Settings = {
  fsync: "on",
  full_page_writes: "on",
  synchronous_commit: "on",
  wal_level: "replica",
  // Votes come with random keys, so after every checkpoint each leaf page they touch goes to the WAL whole:
  // checkpoints are rare, and the images compressed.
  checkpoint_timeout: "30min",
  max_wal_size: "2GB",
  wal_compression: "on",
};

const REPLICATION: Settings = {
  hot_standby: "on",
  // A standby that lags further than this is rebuilt at the next start rather than filling the disk.
  max_slot_wal_keep_size: "4GB",
  // A commit waits for the standby, so a lost connection must be noticed and made again within seconds.
  wal_retrieve_retry_interval: "500ms",
  wal_sender_timeout: "10s",
  wal_receiver_timeout: "10s",
};

const OPERATION: Settings = {
  // There is no failover between embedded nodes: a crashed one must come back by itself.
  restart_after_crash: "on",
  max_connections: "100",
  shared_buffers: "256MB",
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  password_encryption: "scram-sha-256",
  lc_messages: "C",
  timezone: "UTC",
  log_timezone: "UTC",
};

/** How WAL is flushed for good; elsewhere than here, PostgreSQL's own choice for the platform is right. */
const walSyncMethod: Partial<Record<NodeJS.Platform, string>> = {
  linux: "fdatasync",
  darwin: "fsync_writethrough",
};

export type NodeSettings = {
  name: NodeName;
  port: number;
  primaryPort: number;
  password: string;
  /** Wins over everything else here. */
  extra: Settings;
};

/** The whole postgresql.conf of one node. */
export function postgresqlConf(node: NodeSettings): string {
  const settings = {
    ...DURABLE,
    ...REPLICATION,
    ...OPERATION,
    ...flushing(),
    port: String(node.port),
    // On the standby too: a copy that is promoted one day must not acknowledge alone.
    synchronous_standby_names: `ANY 1 (${applicationName[node.name === "primary" ? "standby" : "primary"]})`,
    ...(node.name === "standby" ? following(node) : {}),
    ...node.extra,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'`);
  return `# Written by urna at every start; changes made here are lost.\n${lines.join("\n")}\n`;
}

function flushing(): Settings {
  const method = walSyncMethod[process.platform];
  return method === undefined ? {} : { wal_sync_method: method };
}

function following(node: NodeSettings): Settings {
  const conninfo = {
    host: "127.0.0.1",
    port: node.primaryPort,
    user: USER,
    password: node.password,
    application_name: applicationName.standby,
  };
  return {
    primary_conninfo: Object.entries(conninfo)
      .map(([name, value]) => `${name}=${value}`)
      .join(" "),
    primary_slot_name: STANDBY_SLOT,
  };
}
