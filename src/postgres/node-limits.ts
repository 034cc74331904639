/** What the doctor asks of a node besides its durability: its connections, its clock, and whose commits wait. */
import type { ClockReading } from "../recording/clock-watch.ts";
import { GATE_COMMITS } from "./gate-commit.ts";
import type { Session } from "./session.ts";

export type NodeLimits = {
  host: string;
  isPrimary: boolean;
  /** How many connections the session's role may have, all in all. */
  connections: number;
  /** How many processes of Urna hold sessions here, how many lanes those have, and how many sessions drain logs. */
  processes: number;
  lanes: number;
  drains: number;
  clock: ClockReading;
  /** For how long the oldest commit has been waiting for a standby; 0 when none is. */
  oldestWaitMs: number;
};

type Row = Pick<NodeLimits, "isPrimary" | "connections" | "processes" | "lanes" | "drains"> & {
  oldest_wait_ms: number;
};

export async function readNodeLimits(session: Session): Promise<NodeLimits> {
  const [row] = await session.query<Row>({ text: NODE_LIMITS }, [GATE_COMMITS]);
  const { oldest_wait_ms, ...others } = row!;
  return { host: session.host, ...others, clock: await readClock(session), oldestWaitMs: oldest_wait_ms };
}

/** The node's clock against this machine's. */
export async function readClock(session: Session): Promise<ClockReading> {
  const sentMs = Date.now();
  const [row] = await session.query<{ clock_ms: number }>({
    text: "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS clock_ms",
  });
  const answeredMs = Date.now();
  return {
    aheadMs: Math.round(row!.clock_ms - (sentMs + answeredMs) / 2),
    doubtMs: Math.ceil((answeredMs - sentMs) / 2),
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
         count(*) FILTER (WHERE application_name = 'urna drain')::int4 AS drains,
         coalesce(max(extract(epoch FROM clock_timestamp() - query_start) * 1000)
                    FILTER (WHERE wait_event = 'SyncRep'), 0)::float8 AS oldest_wait_ms
  FROM pg_stat_activity`;
