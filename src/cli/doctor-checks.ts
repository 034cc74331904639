/** What the doctor judges besides the gate's checks: what is no danger to a recorded ballot, but to an election. */
import type { NodeLimits } from "../postgres/node-limits.ts";
import { clockCheck } from "../recording/clock-watch.ts";
import type { DurabilityCheck, NodeFacts } from "../recording/durability.ts";
import { connectionsMax, DRAIN_SESSIONS_MAX } from "../roles/connections.ts";
import { CLOCKS_DIFFER_MS_MAX } from "../roles/ledger.ts";
import { LANES_BY_DEFAULT } from "../runtime/options.ts";

/** Where none runs yet: one of each role. */
const PROCESSES_EXPECTED = 3;

export function reachableChecks(
  nodes: readonly NodeFacts[],
  unreachable: readonly string[],
): DurabilityCheck[] {
  const mend = "start the node, let this machine reach it, or take it out of DATABASE_URL";
  return [
    ...nodes.map(({ host }) => ({ check: `${host} reachable`, ok: true, found: "yes", mend })),
    ...unreachable.map((reason) => ({
      check: `${reason.split(": ")[0]} reachable`,
      ok: false,
      found: reason,
      mend,
    })),
  ];
}

/** A role that is not shown the standbys sees none, which on a standby would only be noticed when it is promoted. */
export function shownChecks(nodes: readonly NodeFacts[]): DurabilityCheck[] {
  return nodes.map(({ host, seesStandbys }) => ({
    check: `${host} pg_stat_replication`,
    ok: seesStandbys,
    found: seesStandbys ? "shown to this role" : "not shown to this role",
    mend: "GRANT pg_monitor TO the role that DATABASE_URL names",
  }));
}

export function nodeClockCheck({ host, clock }: NodeLimits): DurabilityCheck {
  return clockCheck(`${host} clock`, clock, CLOCKS_DIFFER_MS_MAX);
}

/** Every node may become the primary, so what runs on the primary now must fit on each. */
export function connectionChecks(limits: readonly NodeLimits[]): DurabilityCheck[] {
  const primary = limits.find(({ isPrimary }) => isPrimary);
  const processes = primary?.processes || PROCESSES_EXPECTED;
  const lanes = Math.max(primary?.lanes ?? 0, LANES_BY_DEFAULT);
  const recorders = Math.ceil((primary?.drains ?? 0) / DRAIN_SESSIONS_MAX);
  const needed = connectionsMax(processes, lanes, recorders);
  return limits.map(({ host, connections }) => ({
    check: `${host} max_connections`,
    ok: connections >= needed,
    found: `${connections} for this role; ${processes} processes with ${lanes} lanes take up to ${needed}`,
    mend: `ALTER SYSTEM SET max_connections = ${needed + 10} on every node, the standbys first; then restart them`,
  }));
}
