/** Reads partitions of Kafka's topics, each from any offset, from the broker that leads it. */
import { type Connection, listOffsetsV9 } from "@platformatic/kafka";
import {
  type LogReader,
  type LogRecord,
  OffsetOutOfRangeError,
  type ReadBounds,
  type Topic,
} from "../buffering/log.ts";
import type { Endpoint } from "./address.ts";
import { type Cluster, READ_UNCOMMITTED } from "./cluster.ts";
import { responseOf } from "./connections.ts";
import { BrokerError, CODE } from "./errors.ts";
import { fetchRecords } from "./fetch.ts";

/** Beyond what a read waits for records. */
const ANSWER_TIMEOUT_MS = 2_000;
const EARLIEST = -2n;
const LATEST = -1n;
const NO_BROKER = -1;

/** A read has a connection for itself: of those that wait for records none holds up another. */
export class KafkaLogReader implements LogReader {
  /** Topics of which another broker may lead a partition by now. */
  private readonly doubtful = new Set<string>();

  constructor(private readonly cluster: Cluster) {}

  async topic(name: string): Promise<{ id: string; partitions: number } | null> {
    const topic = await this.cluster.topic(name);
    return topic === null ? null : { id: topic.id, partitions: topic.partitions.length };
  }

  async bounds(topic: Topic, partition: number): Promise<{ earliest: number; next: number }> {
    // Offsets are asked for by name: it must be the same topic before and after.
    this.doubtful.add(topic.name);
    const leader = await this.leaderOf(topic, partition);
    const earliest = await this.offsetAt(leader, topic, partition, EARLIEST);
    const next = await this.offsetAt(leader, topic, partition, LATEST);
    this.doubtful.add(topic.name);
    await this.leaderOf(topic, partition);
    return { earliest, next };
  }

  async read(topic: Topic, partition: number, fromOffset: number, bounds: ReadBounds): Promise<LogRecord[]> {
    const { bytesMax, waitMs } = bounds;
    const asked = { topicId: topic.id, partition, fromOffset, bytesMax, waitMs };
    const { code, records } = await this.ask(topic, partition, waitMs, (connection) =>
      fetchRecords(connection, asked),
    );
    if (code === CODE.none) return records;
    const what = `${placeOf(topic, partition)} can't be read from offset ${fromOffset}`;
    if (code === CODE.offsetOutOfRange) {
      throw new OffsetOutOfRangeError(`${what}: there is no such offset, and records are gone`);
    }
    this.doubtful.add(topic.name);
    throw new BrokerError(what, code);
  }

  private async offsetAt(
    leader: Endpoint,
    topic: Topic,
    partition: number,
    timestamp: bigint,
  ): Promise<number> {
    const partitions = [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp }];
    const topics = [{ name: topic.name, partitions }];
    const answer = await this.cluster.connections.ask(leader, ANSWER_TIMEOUT_MS, (connection) =>
      listOffsetsV9.api.async(connection, NO_BROKER, READ_UNCOMMITTED, topics),
    );
    return Number(answer.topics[0]!.partitions[0]!.offset);
  }

  private async ask<Answer>(
    topic: Topic,
    partition: number,
    waitMs: number,
    send: (connection: Connection) => Promise<Answer>,
  ): Promise<Answer> {
    const leader = await this.leaderOf(topic, partition);
    try {
      return await this.cluster.connections.ask(leader, waitMs + ANSWER_TIMEOUT_MS, send);
    } catch (error) {
      if (responseOf(error) === undefined) this.doubtful.add(topic.name);
      throw error;
    }
  }

  private async leaderOf(topic: Topic, partition: number): Promise<Endpoint> {
    let known = this.doubtful.has(topic.name) ? undefined : this.cluster.known(topic);
    if (known === undefined) {
      const now = await this.cluster.topic(topic.name);
      if (now === null) throw new Error(`no broker knows a topic ${topic.name}`);
      if (now.id !== topic.id) {
        const ids = `its id is ${now.id}, and was ${topic.id}`;
        throw new OffsetOutOfRangeError(`topic ${topic.name} was made anew: ${ids}`);
      }
      this.doubtful.delete(topic.name);
      known = now;
    }
    const leader = known.partitions[partition]?.leader;
    if (leader) return leader;
    this.doubtful.add(topic.name);
    throw new Error(`no broker leads ${placeOf(topic, partition)}`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.cluster[Symbol.asyncDispose]();
  }
}

function placeOf({ name }: Topic, partition: number): string {
  return `partition ${partition} of ${name}`;
}
