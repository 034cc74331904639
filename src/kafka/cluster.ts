/** What is known of the cluster: its brokers, and which of them leads a partition. */
import { type Connection, findErrorBy, metadataV12 } from "@platformatic/kafka";
import type { Topic } from "../buffering/log.ts";
import { type Endpoint, endpointName, type KafkaAddress } from "./address.ts";
import { Connections, responseOf } from "./connections.ts";
import { BrokerError, CODE } from "./errors.ts";

type Response = metadataV12.MetadataResponse;

type Leader = Endpoint & { nodeId: number };

export type KnownPartition = {
  /** Null while it has none. */
  leader: Leader | null;
  leaderEpoch: number;
  /** Brokers that have it, and those of them that are in sync with the leader. */
  brokers: readonly number[];
  inSync: readonly number[];
};

export type KnownTopic = { id: string; partitions: readonly KnownPartition[] };

export type KnownBroker = Endpoint & { nodeId: number; rack?: string | null | undefined };

/**
 * Up to what is on every broker in sync, transactions or not: Urna makes none, and what a stranger appended in one is looked at
 * like everything else.
 */
export const READ_UNCOMMITTED = 0;
/** A broker that answers nothing is not waited for any longer: the next one is asked. */
const ASK_TIMEOUT_MS = 2_000;
const CONNECT_TIMEOUT_MS = 2_000;

/** For concurrent use. */
export class Cluster implements AsyncDisposable {
  /** As any of them said last; those of the address until then. */
  private endpoints: readonly Endpoint[];
  /** The one that answered last is asked first. */
  private first: Endpoint;
  private readonly topics = new Map<string, KnownTopic>();

  readonly connections: Connections;

  /** Nothing is connected before it is needed. */
  constructor(
    private readonly address: KafkaAddress,
    clientId: string,
  ) {
    this.connections = new Connections(address, clientId, CONNECT_TIMEOUT_MS);
    this.endpoints = address.brokers;
    this.first = address.brokers[0]!;
  }

  /** A broker's host and port, for people. */
  get bootstrap(): string {
    return endpointName(this.address.brokers[0]!);
  }

  /** As it was when last asked. */
  known(topic: Topic): KnownTopic | undefined {
    const known = this.topics.get(topic.name);
    return known?.id === topic.id ? known : undefined;
  }

  /** The topic as a broker knows it now; null when it knows none of that name. Throws when no broker answers. */
  async topic(name: string): Promise<KnownTopic | null> {
    const { topics } = await this.lookUp([name]);
    return topics.get(name) ?? null;
  }

  /** Throws when no broker answers. */
  async lookUp(
    names: readonly string[],
  ): Promise<{ brokers: KnownBroker[]; topics: Map<string, KnownTopic> }> {
    const { brokers, topics } = await this.askAny(async (connection) => {
      try {
        return await metadataV12.api.async(connection, [...names], false, false);
      } catch (error) {
        // That a topic or a partition's leader is not there is an answer.
        const response = responseOf<Response>(error);
        if (response === undefined) throw error;
        return response;
      }
    });
    const endpoints = new Map(brokers.map((broker) => [broker.nodeId, broker]));
    if (brokers.length > 0) this.endpoints = brokers;
    const found = new Map<string, KnownTopic>();
    for (const { name, topicId, errorCode, partitions } of topics) {
      if (errorCode === CODE.unknownTopicOrPartition) this.topics.delete(name!);
      else if (errorCode !== CODE.none) throw new BrokerError(`topic ${name} can't be looked up`, errorCode);
      else
        found.set(
          name!,
          this.newest(name!, { id: topicId, partitions: partitionsOf(partitions, endpoints) }),
        );
    }
    for (const [name, topic] of found) this.topics.set(name, topic);
    return { brokers, topics: found };
  }

  /** Asks one broker after the other until one answers, and not that it can't at the moment. */
  async askAny<Answer>(
    send: (connection: Connection) => Promise<Answer>,
    timeoutMs = ASK_TIMEOUT_MS,
  ): Promise<Answer> {
    let last: unknown;
    // Those of the address too: the others may all be gone one day.
    const all = [this.first, ...this.endpoints, ...this.address.brokers];
    for (const endpoint of new Map(all.map((each) => [endpointName(each), each])).values()) {
      try {
        const answer = await this.connections.ask(endpoint, timeoutMs, send);
        this.first = endpoint;
        return answer;
      } catch (error) {
        if (responseOf(error) !== undefined && findErrorBy(error as Error, "canRetry", true) === null)
          throw error;
        last = error;
      }
    }
    throw new Error(`no Kafka broker answers: ${(last as Error).message}`, { cause: last });
  }

  /** A broker that was frozen, or cut off, may still tell of leaders of long ago: the higher epoch is the newer one. */
  private newest(name: string, topic: KnownTopic): KnownTopic {
    const before = this.topics.get(name);
    if (before?.id !== topic.id) return topic;
    const partitions = topic.partitions.map((partition, i) => {
      const known = before.partitions[i];
      return known !== undefined && known.leaderEpoch > partition.leaderEpoch ? known : partition;
    });
    return { id: topic.id, partitions };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.connections[Symbol.asyncDispose]();
  }
}

function partitionsOf(
  partitions: Response["topics"][number]["partitions"],
  endpoints: ReadonlyMap<number, Leader>,
): KnownPartition[] {
  const known: KnownPartition[] = [];
  for (const { partitionIndex, leaderId, leaderEpoch, replicaNodes, isrNodes } of partitions) {
    const leader = endpoints.get(leaderId) ?? null;
    known[partitionIndex] = { leader, leaderEpoch, brokers: replicaNodes, inSync: isrNodes };
  }
  return known;
}
