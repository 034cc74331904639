/** What a role opens to reach Redis, where one is named. */
import { selectIdentity } from "../postgres/ledger-identity.ts";
import { RedisConnection } from "../redis/connection.ts";
import { systemClock } from "../runtime/clock.ts";
import { atMostEvery, type Log } from "../runtime/log.ts";
import { gaugeOf, type Metrics } from "../runtime/metrics.ts";
import { type RedisAddress, redisHostName } from "../runtime/redis-address.ts";
import type { LedgerAccess } from "./ledger.ts";

export type RedisAccess = {
  /** What requests wait for. */
  connection: RedisConnection;
  /** Another one, for what no request waits for. */
  connect(commandTimeoutMs: number): RedisConnection;
  /** The deployment's own uuid, which tells its keys from another's. */
  owner: string;
};

/** No request waits longer for Redis. Loopback and a network of one site take less than one millisecond. */
const COMMAND_TIMEOUT_MS = 10;

type RedisOptions = { address: RedisAddress | undefined; log: Log; metrics: Metrics };

/** Null where none is named. Redis need not be there: what can't be shared with others is done alone meanwhile. */
export async function openRedis(
  opened: AsyncDisposableStack,
  ledger: LedgerAccess,
  { address, log, metrics }: RedisOptions,
): Promise<RedisAccess | null> {
  if (address === undefined) return null;
  const hosts = address.hosts.map(redisHostName).join(", ");
  const onChange = atMostEvery(1_000, (unwritten, isUp: boolean, err: Error | null) => {
    if (isUp) log.info({ hosts, unwritten }, "Redis answers again");
    else log.warn({ err, hosts, unwritten }, "Redis does not answer: every process goes on by itself");
  });
  const connections: RedisConnection[] = [];
  const connect = (commandTimeoutMs: number) => {
    const options = { address, commandTimeoutMs, clock: systemClock, onChange };
    const connection = opened.use(new RedisConnection(options));
    connections.push(connection);
    return connection;
  };
  const connection = connect(COMMAND_TIMEOUT_MS);
  await connection.settled();
  gaugeOf(metrics, "urna_redis_up", "Whether Redis answers", () =>
    connections.every(({ isUp }) => isUp) ? 1 : 0,
  );
  gaugeOf(metrics, "urna_redis_failures", "Commands without an answer since the start", () =>
    connections.reduce((sum, { failures }) => sum + failures, 0),
  );
  const identity = await ledger.pool.use(selectIdentity);
  if (identity === null) throw new Error("the ledger is not set up yet: start `urna admin`, which does that");
  return { connection, connect, owner: identity.deployment };
}
