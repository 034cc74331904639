/** What the doctor asks of a node besides its durability: its connections, its clock, and whose commits wait. */
import { GATE_COMMITS } from "./gate-commit.ts";
import type { Session } from "./session.ts";

export type NodeLimits = {
  host: string;
  isPrimary: boolean;
  /** How many connections the session's role may have, all in all. */
  connections: number;
  /** How many processes of Urna hold sessions here, and how many lanes those have. */
  processes: number;
  lanes: number;
  /** How far the node's clock is ahead of this machine's, give or take. */
  clockAheadMs: number;
  clockDoubtMs: number;
  /** For how long the oldest commit has been waiting for a standby; 0 when none is. */
  oldestWaitMs: number;
};

type Row = Pick<NodeLimits, "isPrimary" | "connections" | "processes" | "lanes"> & {
  clock_ms: number;
  oldest_wait_ms: number;
};

export async function readNodeLimits(session: Session): Promise<NodeLimits> {
  const sentMs = Date.now();
  const [row] = await session.query<Row>({ text: NODE_LIMITS }, [GATE_COMMITS]);
  const answeredMs = Date.now();
  const { clock_ms, oldest_wait_ms, ...others } = row!;
  return {
    host: session.host,
    ...others,
    clockAheadMs: Math.round(clock_ms - (sentMs + answeredMs) / 2),
    clockDoubtMs: Math.ceil((answeredMs - sentMs) / 2),
    oldestWaitMs: oldest_wait_ms,
  };
}

/** PostgreSQL 15 has no reserved_connections. Those reserves are kept from ordinary roles. */
const NODE_LIMITS = `
  SELECT NOT pg_is_in_recovery() AS "isPrimary",
         current_setting('max_connections')::int4
           - CASE WHEN current_setting('is_superuser') = 'on' THEN 0
                  ELSE current_setting('superuser_reserved_connections')::int4
                       + coalesce(current_setting('reserved_connections', true)::int4, 0)
             END AS connections,
         count(*) FILTER (WHERE application_name = $1)::int4 AS processes,
         count(*) FILTER (WHERE application_name = 'urna lane')::int4 AS lanes,
         (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS clock_ms,
         coalesce(max(extract(epoch FROM clock_timestamp() - query_start) * 1000)
                    FILTER (WHERE wait_event = 'SyncRep'), 0)::float8 AS oldest_wait_ms
  FROM pg_stat_activity`;
