/** Clients of Redis: without a queue of what could not be sent, and without retries. */
import { Cluster, type CommonRedisOptions, Redis } from "ioredis";
import type { RedisAddress } from "../runtime/redis-address.ts";

export type RedisClient = Redis | Cluster;

export const CONNECT_TIMEOUT_MS = 1_000;
const RECONNECT_MS_MAX = 1_000;
/** A connection on which something was sent and nothing comes back for so long is made again. */
const SILENCE_MS_MAX = 5_000;

/** Of every connection to one node. TLS believes what the machine does, and what NODE_EXTRA_CA_CERTS adds. */
export function clientOptions({ tls, user, password }: RedisAddress, connectTimeoutMs: number) {
  return {
    ...(user === null ? {} : { username: user }),
    ...(password === null ? {} : { password }),
    ...(tls ? { tls: {} } : {}),
    connectTimeout: connectTimeoutMs,
    maxRetriesPerRequest: 0,
    socketTimeout: SILENCE_MS_MAX,
  };
}

/** Connects by itself, and again for as long as it takes. */
export function openClient(
  address: RedisAddress,
  more: Pick<CommonRedisOptions, "commandTimeout">,
): RedisClient {
  const { hosts, tls, database } = address;
  const options = { ...clientOptions(address, CONNECT_TIMEOUT_MS), ...more };
  const again = (attempts: number) => Math.min(50 * attempts, RECONNECT_MS_MAX) * (0.5 + Math.random() / 2);
  if (hosts.length === 1) {
    return new Redis({
      ...{ ...options, ...hosts[0]!, db: database },
      ...{ enableOfflineQueue: false, retryStrategy: again },
    });
  }
  return new Cluster([...hosts], {
    redisOptions: options,
    enableOfflineQueue: false,
    clusterRetryStrategy: again,
    slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
    maxRedirections: 2,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    retryDelayOnTryAgain: 0,
    // A certificate is for the name that was asked for, not for the address behind it.
    ...(tls ? { dnsLookup: (host, told) => told(null, host) } : {}),
  });
}
