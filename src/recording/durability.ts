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

/** A standby as the primary sees it, whose confirmation a commit may rest on now or at any moment. */
export type CountingStandby = {
  name: string;
  /** Where it connects from, for people. */
  address: string;
  /** The replication slot that it streams through: only one standby at a time can. */
  slot: string | null;
  /** It is streaming, and commits wait for it now. */
  isSynchronous: boolean;
  /** It has flushed what was written a moment ago. */
  confirms: boolean;
};

/** One node of the cluster, asked itself. A standby with fsync=off looks healthy from the primary. */
export type NodeFacts = {
  host: string;
  isPrimary: boolean;
  /** Of the WAL that a primary writes: a promotion begins a new one, with a higher number. Null on a standby. */
  timeline: number | null;
  /** PostgreSQL's server_version_num: 180004 is 18.4. */
  version: number;
  platform: "linux" | "other";
  settings: DurabilitySettings;
  /** The same on a primary and on its standbys, and on no other cluster's nodes. */
  systemIdentifier: string;
  /** On a primary. */
  standbys: CountingStandby[];
  /** On a standby that is streaming: what it calls itself, and the slot that it streams through. */
  follows: { name: string; slot: string | null } | null;
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

/** Some, at least one of them waited for, and no `*`: any WAL receiver at all, a backup's too, would count. */
function namesStandbys(names: string): boolean {
  const waitsForNone = /^\s*(?:(?:any|first)\s+)?0+\s*\(/i.test(names);
  return names.trim() !== "" && !waitsForNone && !/(^|[\s,(])"?\*"?\s*($|[,)])/.test(names);
}

/**
 * The first minor release of each major without this: for a short time after a start, commits might not wait although
 * synchronous_standby_names is set (release notes of 17.5, 16.9 and 15.13, "Fix race condition in handling of
 * synchronous_standby_names immediately after startup"). 18 never had it, and in 14 and before it was not mended.
 */
const MINOR_MIN: Record<number, number> = { 15: 13, 16: 9, 17: 5 };
const MAJOR_WITHOUT = 18;

function versionCheck(version: number): DurabilityCheck {
  const [major, minor] = [Math.floor(version / 10_000), version % 10_000];
  const minorMin = major >= MAJOR_WITHOUT ? 0 : MINOR_MIN[major];
  return {
    check: "version",
    ok: minorMin !== undefined && minor >= minorMin,
    found: `${major}.${minor}`,
    mend:
      minorMin === undefined
        ? "upgrade to PostgreSQL 18; this one may skip the wait for the standby right after it started"
        : `update to ${major}.${minorMin} or later: before, commits might not wait for a standby right after a start`,
  };
}

/** Every check of one node by itself, and of a primary that a synchronous standby is connected. */
export function nodeChecks(node: NodeFacts): DurabilityCheck[] {
  const checks = [versionCheck(node.version), ...settingChecks(node.settings)];
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
  if (node.isPrimary) checks.push(connectedCheck(node));
  return checks;
}

function connectedCheck({ standbys, seesStandbys }: NodeFacts): DurabilityCheck {
  const names = standbys.filter(({ isSynchronous }) => isSynchronous).map(({ name }) => name);
  return {
    check: "synchronous standby connected",
    ok: names.length > 0,
    found: names.join(", ") || (seesStandbys ? "(none)" : "(not shown to this role)"),
    mend: seesStandbys
      ? "start a standby named in synchronous_standby_names, and see pg_stat_replication on the primary"
      : "GRANT pg_monitor TO the role that DATABASE_URL names",
  };
}

/**
 * Whether a cluster may acknowledge: one primary answers, nothing is wrong with any node, and all that count were asked.
 * A primary must not be of an older timeline than `newestTimeline`, which is known of it.
 */
export function clusterChecks(
  nodes: readonly NodeFacts[],
  unreachable: readonly string[],
  newestTimeline = 0,
): DurabilityCheck[] {
  const primaries = nodes.filter(({ isPrimary }) => isPrimary);
  return [
    onePrimary(primaries, unreachable, newestTimeline),
    ...nodes.flatMap((node) =>
      nodeChecks(node).map((check) => ({ ...check, check: `${node.host} ${check.check}` })),
    ),
    ...(primaries.length === 1 ? askedChecks(primaries[0]!, nodes, unreachable) : []),
  ];
}

function onePrimary(
  primaries: readonly NodeFacts[],
  unreachable: readonly string[],
  newestTimeline: number,
): DurabilityCheck {
  const check = "one primary";
  const [primary, ...others] = primaries;
  if (primary === undefined) {
    const found = `(none) ${unreachable.join("; ")}`.trim();
    return { check, ok: false, found, mend: "start PostgreSQL, or promote a standby" };
  }
  if (others.length > 0) {
    const found = primaries.map(({ host }) => host).join(", ");
    const mend = "two primaries: stop the older one at once, then rebuild it as a standby";
    return { check, ok: false, found, mend };
  }
  const ok = primary.timeline! >= newestTimeline;
  const found = ok ? primary.host : `${primary.host}, which another primary has replaced`;
  const mend =
    "stop it and start the one that was promoted; if that is lost for good, restart Urna to go on without it";
  return { check, ok, found, mend };
}

/**
 * Whether each standby that a commit may rest on is one of the nodes that were asked. They are told apart by what
 * both sides say: the name that synchronous_standby_names goes by, and the slot. A node stands for one standby, so
 * that a second one of the same name is noticed.
 */
function askedChecks(
  primary: NodeFacts,
  nodes: readonly NodeFacts[],
  unreachable: readonly string[],
): DurabilityCheck[] {
  const asked = nodes.filter(({ systemIdentifier }) => systemIdentifier === primary.systemIdentifier);
  return primary.standbys.map(({ name, slot, address, confirms }) => {
    const index = asked.findIndex(({ follows }) => follows?.name === name && follows.slot === slot);
    const [node] = index === -1 ? [] : asked.splice(index, 1);
    const silent = unreachable.length === 0 ? "" : `; no answer from ${unreachable.join(", ")}`;
    return {
      check: `standby ${name} asked`,
      // One that confirms nothing, since it hangs or is being started, acknowledges nothing either.
      ok: node !== undefined || !confirms,
      found:
        node?.host ?? `${confirms ? "confirming commits" : "confirming nothing"} from ${address}, not asked`,
      mend: `name it in DATABASE_URL, or take it out of synchronous_standby_names${silent}`,
    };
  });
}
