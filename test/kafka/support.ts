/** What the tests of the Kafka adapter share: a cluster to talk to, topics of their own, and reading everything back. */
import { createTopicsV7, deleteTopicsV6 } from "@platformatic/kafka";
import type { AssignedPartition, LogRecord, Topic } from "../../src/buffering/log.ts";
import { parseKafkaAddress } from "../../src/kafka/address.ts";
import { KafkaAppender } from "../../src/kafka/appender.ts";
import { Cluster } from "../../src/kafka/cluster.ts";
import { KafkaGroupMember } from "../../src/kafka/group-member.ts";
import { TOPIC_SETTINGS } from "../../src/kafka/inspection.ts";
import { KafkaLogReader } from "../../src/kafka/log-reader.ts";
import { KafkaTopicMaker } from "../../src/kafka/topic-maker.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { eventually } from "../support/eventually.ts";

export const open = (address: string) => new Cluster(parseKafkaAddress(address), "urna-test");

export const appenderOn = (address: string) =>
  new KafkaAppender(open(address), { clock: systemClock, retryPauseMs: 20, suspectMs: 300 });

export const readerOn = (address: string) => new KafkaLogReader(open(address));

export const makerOn = (cluster: Cluster) =>
  new KafkaTopicMaker(cluster, { clock: systemClock, timeoutMs: 20_000 });

export const uniqueName = () => `test-${crypto.randomUUID()}`;

/** A topic of the test's own, as elections have them. */
export async function makeTopic(address: string, partitions: number): Promise<Topic> {
  await using cluster = open(address);
  const name = uniqueName();
  return { name, id: await makerOn(cluster).makeTopic(name, partitions) };
}

/** One that is not as elections have it. */
export async function makeOtherTopic(
  cluster: Cluster,
  settings: Record<string, string>,
  { name = uniqueName(), partitions = 1, brokers = 3 } = {},
): Promise<Topic> {
  const configs = Object.entries({ ...TOPIC_SETTINGS, ...settings }).map(([setting, value]) => ({
    name: setting,
    value,
  }));
  const topic = { name, numPartitions: partitions, replicationFactor: brokers, assignments: [], configs };
  await cluster.askAny((connection) => createTopicsV7.api.async(connection, [topic], 10_000, false), 10_000);
  const made = await eventually("it has leaders", async () => {
    const now = await cluster.topic(name);
    return now?.partitions.length === partitions && now.partitions.every(({ leader }) => leader) ? now : null;
  });
  return { name, id: made!.id };
}

export async function deleteTopic(cluster: Cluster, { name }: Topic): Promise<void> {
  await cluster.askAny((connection) =>
    deleteTopicsV6.api.async(connection, [{ name, topicId: null }], 10_000),
  );
  await eventually("it is gone", async () => (await cluster.topic(name)) === null);
}

/** Every record of every partition. */
export async function readAll(reader: KafkaLogReader, topic: Topic): Promise<LogRecord[][]> {
  const { partitions } = (await reader.topic(topic.name))!;
  return Promise.all(
    Array.from({ length: partitions }, (_, partition) => readPartition(reader, topic, partition)),
  );
}

async function readPartition(reader: KafkaLogReader, topic: Topic, partition: number): Promise<LogRecord[]> {
  const { earliest, next } = await reader.bounds(topic, partition);
  const records: LogRecord[] = [];
  for (let at = earliest; at < next; at = records.at(-1)!.offset + 1) {
    records.push(...(await reader.read(topic, partition, at, { bytesMax: 1024 * 1024, waitMs: 500 })));
  }
  return records;
}

/** A member of a group. Runs until disposed of; `assigned` is what it was told last. */
export class RunningMember implements AsyncDisposable {
  assigned: readonly AssignedPartition[] = [];
  readonly member: KafkaGroupMember;
  private readonly end = new AbortController();
  private readonly ended: Promise<void>;

  constructor(address: string, group: string, topics: string[]) {
    const options = {
      group,
      clock: systemClock,
      retryPauseMs: 50,
      drainedPauseMs: 50,
      onRetry: () => undefined,
    };
    this.member = new KafkaGroupMember(open(address), options);
    this.member.subscribe(topics);
    this.ended = this.member.run(this.end.signal, (assigned) => {
      this.assigned = assigned;
    });
  }

  has(count: number): () => boolean {
    return () => this.assigned.length === count;
  }

  get partitions(): number[] {
    return this.assigned.map(({ partition }) => partition);
  }

  async leave(): Promise<void> {
    this.end.abort();
    await this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leave();
    await this.member[Symbol.asyncDispose]();
  }
}
