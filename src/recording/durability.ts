/** The durability gate's judgement: is what PostgreSQL says of itself enough to acknowledge a ballot? */

/** What a session's settings are, as current_setting() gives them. */
export type DurabilitySettings = {
  fsync: string;
  full_page_writes: string;
  synchronous_commit: string;
  synchronous_standby_names: string;
  wal_sync_method: string;
  data_checksums: string;
};

/** One node of the cluster, asked itself. A standby with fsync=off looks healthy from the primary. */
export type NodeFacts = {
  host: string;
  isPrimary: boolean;
  serverVersion: string;
  platform: "linux" | "other";
  settings: DurabilitySettings;
  /** On a primary: the standbys that are streaming and count for the synchronous wait. */
  synchronousStandbys: string[];
  /** Whether the session's role is shown them: a superuser, or a member of pg_read_all_stats. */
  seesStandbys: boolean;
};

/** One line of the doctor: what is wrong and how to mend it, or that it is right. */
export type DurabilityCheck = { check: string; ok: boolean; found: string; mend: string };

/** A commit made now might be lost: nothing may be acknowledged. */
export class NotDurableError extends Error {
  readonly code = "not_durable";
}

export function notDurable(faults: readonly DurabilityCheck[]): NotDurableError {
  return new NotDurableError(`a commit might be lost: ${describeFaults(faults)}`);
}

export function describeFaults(faults: readonly DurabilityCheck[]): string {
  return faults.map(({ check, found }) => `${check} is ${found}`).join("; ");
}

/** What the gate refuses in a session's settings; empty when a commit under them may be acknowledged. */
export function settingFaults(settings: DurabilitySettings): DurabilityCheck[] {
  return settingChecks(settings).filter(({ ok }) => !ok);
}

function settingChecks(settings: DurabilitySettings): DurabilityCheck[] {
  const is = (name: keyof DurabilitySettings, allowed: string[], mend: string): DurabilityCheck => ({
    check: name,
    ok: allowed.includes(settings[name]),
    found: settings[name] || "(empty)",
    mend,
  });
  return [
    is("fsync", ["on"], "ALTER SYSTEM SET fsync = on; then reload"),
    is("full_page_writes", ["on"], "ALTER SYSTEM SET full_page_writes = on; then reload"),
    is("synchronous_commit", ["on", "remote_apply"], "ALTER SYSTEM SET synchronous_commit = on; then reload"),
    {
      check: "synchronous_standby_names",
      ok: namesStandbys(settings.synchronous_standby_names),
      found: settings.synchronous_standby_names || "(empty)",
      mend: "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (name, name)' with your standbys' names; then reload",
    },
  ];
}

/** Non-empty, and no `*`: any WAL receiver at all, a backup's too, would count as a standby. */
function namesStandbys(names: string): boolean {
  return names.trim() !== "" && !/(^|[\s,(])"?\*"?\s*($|[,)])/.test(names);
}

/** Every check of one node: its settings, and on the primary that a synchronous standby is connected. */
export function nodeChecks(node: NodeFacts): DurabilityCheck[] {
  const checks = settingChecks(node.settings);
  checks.push({
    check: "wal_sync_method",
    ok: node.platform !== "linux" || node.settings.wal_sync_method === "fdatasync",
    found: node.settings.wal_sync_method,
    mend: "ALTER SYSTEM SET wal_sync_method = fdatasync; then reload",
  });
  checks.push({
    check: "data_checksums",
    ok: node.settings.data_checksums === "on",
    found: node.settings.data_checksums,
    mend: "stop the node, run pg_checksums --enable on its data folder, start it again",
  });
  if (node.isPrimary) {
    checks.push({
      check: "synchronous standby connected",
      ok: node.synchronousStandbys.length > 0,
      found:
        node.synchronousStandbys.join(", ") || (node.seesStandbys ? "(none)" : "(not shown to this role)"),
      mend: node.seesStandbys
        ? "start a standby named in synchronous_standby_names, and see pg_stat_replication on the primary"
        : "GRANT pg_monitor TO the role that DATABASE_URL names",
    });
  }
  return checks;
}

/** Whether a cluster may acknowledge: a primary answers, and nothing is wrong with any node that answers. */
export function clusterChecks(
  nodes: readonly NodeFacts[],
  unreachable: readonly string[],
): DurabilityCheck[] {
  const primaries = nodes.filter(({ isPrimary }) => isPrimary).map(({ host }) => host);
  return [
    {
      check: "one primary",
      ok: primaries.length === 1,
      found: primaries.join(", ") || `(none) ${unreachable.join("; ")}`.trim(),
      mend:
        primaries.length > 1
          ? "two primaries: stop the older one at once, then rebuild it as a standby"
          : "start PostgreSQL, or promote a standby",
    },
    ...nodes.flatMap((node) =>
      nodeChecks(node).map((check) => ({ ...check, check: `${node.host} ${check.check}` })),
    ),
  ];
}
