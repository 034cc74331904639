/** What the doctor judges of Redis: nothing of it is a danger to a ballot, but to how soon people see results. */
import { callerOf } from "../http/caller.ts";
import type { DurabilityCheck } from "../recording/durability.ts";
import { type RedisFacts, readRedisFacts } from "../redis/facts.ts";
import type { RedisAddress } from "../runtime/redis-address.ts";

const VERSION_MIN = 7;
/** A quarter of the time after which a command has failed. */
const ANSWER_MS_MAX = 2.5;

/** Empty where none is named. */
export async function redisChecks(address: RedisAddress | undefined): Promise<DurabilityCheck[]> {
  if (address === undefined) return [];
  const { nodes, unreachable } = await readRedisFacts(address);
  const isCluster = address.hosts.length > 1;
  return [
    ...unreachable.map(({ host, reason }) => ({
      ...{ check: `redis ${host} reachable`, ok: false, found: reason },
      mend: "start it, let this machine reach it, mend the password or the certificate that URNA_REDIS goes with, or take it out",
    })),
    ...nodes.flatMap((node) => checksOf(node, { isCluster, tls: address.tls })),
  ];
}

function checksOf(
  node: RedisFacts,
  { isCluster, tls }: { isCluster: boolean; tls: boolean },
): DurabilityCheck[] {
  const { host, version, answerMs } = node;
  return [
    {
      ...{ check: `redis ${host} reachable`, ok: true, found: "yes" },
      mend: "nothing",
    },
    {
      check: `redis ${host} version`,
      ok: Number.parseInt(version, 10) >= VERSION_MIN,
      found: version,
      mend: `update it to ${VERSION_MIN} or later`,
    },
    memoryCheck(node),
    {
      check: `redis ${host} answers`,
      ok: answerMs <= ANSWER_MS_MAX,
      found: `within ${answerMs.toFixed(1)} ms`,
      mend: `bring it nearer, or give it a faster machine: past ${ANSWER_MS_MAX} ms many answers come too late to be of use`,
    },
    clusterCheck(node, isCluster),
    tlsCheck(node, tls),
  ];
}

/** All keys of Urna's end by themselves, so letting some go early is better than taking none. */
function memoryCheck({ host, memoryBytesMax, evictionPolicy }: RedisFacts): DurabilityCheck {
  const bound = memoryBytesMax === 0 ? "without a bound" : `${Math.round(memoryBytesMax / 2 ** 20)} MB`;
  return {
    check: `redis ${host} maxmemory`,
    ok: memoryBytesMax > 0 && evictionPolicy !== "noeviction",
    found: `${bound}, ${evictionPolicy}`,
    mend: "CONFIG SET maxmemory 256mb, and maxmemory-policy volatile-lru: full, it must let keys go, not refuse new ones",
  };
}

function clusterCheck({ host, isCluster, clusterState }: RedisFacts, isNamed: boolean): DurabilityCheck {
  const found = isCluster ? `a node of a cluster, ${clusterState}` : "by itself";
  return {
    check: `redis ${host} cluster`,
    ok: isCluster === isNamed && (clusterState ?? "ok") === "ok",
    found: `${found}; URNA_REDIS names ${isNamed ? "several hosts, a cluster's" : "one host"}`,
    mend: isCluster
      ? "name at least two nodes of the cluster in URNA_REDIS, and let every slot be served (redis-cli --cluster check)"
      : "name one host in URNA_REDIS: several are taken for a cluster's",
  };
}

function tlsCheck({ host, address }: RedisFacts, tls: boolean): DurabilityCheck {
  const isNear = callerOf(address, null) === null;
  return {
    check: `redis ${host} TLS`,
    ok: tls || isNear,
    found: `${tls ? "yes" : "no"}, at ${isNear ? "an address of one's own network" : "a public address"}`,
    mend: "write rediss:// in URNA_REDIS: the password and callers' addresses cross the network in the clear",
  };
}
