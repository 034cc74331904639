/** What a Redis says of itself, each node asked by itself: for the doctor. */
import { Redis } from "ioredis";
import type { RedisAddress, RedisHost } from "../runtime/redis-address.ts";
import { redisHostName } from "../runtime/redis-address.ts";
import { clientOptions } from "./client.ts";

export type RedisFacts = {
  host: string;
  version: string;
  isCluster: boolean;
  /** `ok`, or what is wrong with its cluster; null where it is none. */
  clusterState: string | null;
  /** 0 is no bound. */
  memoryBytesMax: number;
  evictionPolicy: string;
  /** The fastest of some questions: how far away it is, whatever else the two machines are doing. */
  answerMs: number;
  /** Where it was reached. */
  address: string;
};

const CONNECT_TIMEOUT_MS = 3_000;
const QUESTIONS = 20;

/** Every host that the address names; those that can't be asked with the reason. */
export async function readRedisFacts(
  address: RedisAddress,
): Promise<{ nodes: RedisFacts[]; unreachable: { host: string; reason: string }[] }> {
  const nodes: RedisFacts[] = [];
  const unreachable: { host: string; reason: string }[] = [];
  const asked = address.hosts.map(async (host) => {
    try {
      nodes.push(await factsOf(address, host));
    } catch (error) {
      unreachable.push({ host: redisHostName(host), reason: (error as Error).message });
    }
  });
  await Promise.all(asked);
  return { nodes, unreachable };
}

async function factsOf(address: RedisAddress, host: RedisHost): Promise<RedisFacts> {
  const client = new Redis({
    ...clientOptions({ ...address, hosts: [host] }, CONNECT_TIMEOUT_MS),
    ...{ ...host, db: address.database, lazyConnect: true, retryStrategy: () => null },
    commandTimeout: CONNECT_TIMEOUT_MS,
  });
  let lastError: Error | undefined;
  client.on("error", (error) => (lastError = error));
  try {
    await client.connect();
    const info = fields(await client.info());
    const isCluster = info.get("cluster_enabled") === "1";
    const cluster = isCluster ? fields(String(await client.cluster("INFO"))) : null;
    return {
      host: redisHostName(host),
      version: info.get("redis_version") ?? "unknown",
      isCluster,
      clusterState: cluster === null ? null : stateOf(cluster),
      memoryBytesMax: Number(info.get("maxmemory")),
      evictionPolicy: info.get("maxmemory_policy") ?? "unknown",
      answerMs: await fastestAnswerMs(client),
      address: client.stream.remoteAddress ?? "",
    };
  } catch (error) {
    // Why there is no connection is told of the connection, not of what was asked.
    throw lastError ?? error;
  } finally {
    client.disconnect();
  }
}

function stateOf(cluster: Map<string, string>): string {
  const state = cluster.get("cluster_state") ?? "unknown";
  const slots = cluster.get("cluster_slots_ok") ?? "no";
  return state === "ok" ? "ok" : `${state}: ${slots} of 16384 slots are served`;
}

async function fastestAnswerMs(client: Redis): Promise<number> {
  let fastestMs = Number.POSITIVE_INFINITY;
  for (let question = 0; question < QUESTIONS; question++) {
    const askedMs = performance.now();
    await client.ping();
    fastestMs = Math.min(fastestMs, performance.now() - askedMs);
  }
  return fastestMs;
}

/** Lines of `name:value`, as INFO has them. */
function fields(text: string): Map<string, string> {
  return new Map(
    text
      .split(/\r?\n/)
      .map((line) => line.split(/:(.*)/, 2) as [string, string])
      .filter(([, value]) => value !== undefined),
  );
}
