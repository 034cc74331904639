/** How many of PostgreSQL's connections Urna takes at most. */

/** Sessions that everything but the lanes shares. */
export const POOL_SESSIONS_MAX = 8;
/** Sessions of a recorder, on each ledger, for all partitions that it drains there. */
export const DRAIN_SESSIONS_MAX = 8;
/** Commits that a process may have abandoned and still begin another one. */
export const ABANDONED_COMMITS_MAX = 8;
/**
 * The tailer's session, the gate's commits, its question whether one still waits, its session to each node, and the one
 * before that, which may take a moment to end.
 */
const OTHER_SESSIONS_MAX = 5;

/**
 * On one node, by so many processes with so many lanes in all, and so many of them recorders. While no standby confirms,
 * each session's commit may be abandoned once, and so leave a server process behind, when the bound on those was nearly
 * reached.
 */
export function connectionsMax(processes: number, lanes: number, recorders = 0): number {
  const each = 2 * POOL_SESSIONS_MAX + ABANDONED_COMMITS_MAX + OTHER_SESSIONS_MAX;
  return processes * each + 2 * lanes + 2 * DRAIN_SESSIONS_MAX * recorders;
}
