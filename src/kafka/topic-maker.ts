/** Makes topics that lose nothing: three brokers have each record, two of them before it counts, and none is deleted. */
import { createTopicsV7, findErrorBy, listOffsetsV9 } from "@platformatic/kafka";
import type { TopicMaker } from "../buffering/log.ts";
import { describeFaults } from "../recording/durability.ts";
import type { Clock } from "../runtime/clock.ts";
import { endpointName } from "./address.ts";
import { type Cluster, type KnownTopic, READ_UNCOMMITTED } from "./cluster.ts";
import { CODE } from "./errors.ts";
import { BROKERS_MIN, IN_SYNC_MIN, TOPIC_SETTINGS, topicChecks, topicSettings } from "./inspection.ts";

export type TopicMakerOptions = {
  clock: Clock;
  /** What making one may take, until it takes records. */
  timeoutMs: number;
};

const POLL_MS = 50;
const LATEST = -1n;
const NO_BROKER = -1;

/** A call that was cut short may be made again: what is there already is taken, if it is as it would have been made. */
export class KafkaTopicMaker implements TopicMaker {
  constructor(
    private readonly cluster: Cluster,
    private readonly options: TopicMakerOptions,
  ) {}

  async makeTopic(name: string, partitions: number): Promise<string> {
    if ((await this.cluster.topic(name)) === null) await this.create(name, partitions);
    const topic = await this.untilUsable(name);
    const found = topic.partitions.length;
    if (found !== partitions) {
      throw new Error(
        `topic ${name} has ${found} partitions and must have ${partitions}, for ever: a voter's ballots are found by it. ` +
          `If nothing was accepted into it yet: kafka-topics.sh --bootstrap-server ${this.cluster.bootstrap} --delete --topic ${name}`,
      );
    }
    const settings = await topicSettings(this.cluster, name);
    const faults = topicChecks(name, topic, settings, this.cluster.bootstrap).filter(({ ok }) => !ok);
    if (faults.length > 0) {
      const mends = faults.map(({ mend }) => mend).join("; ");
      throw new Error(`topic ${name} might lose ballots: ${describeFaults(faults)}. To mend it: ${mends}`);
    }
    return topic.id;
  }

  private async create(name: string, numPartitions: number): Promise<void> {
    const { brokers } = await this.cluster.lookUp([]);
    if (brokers.length < BROKERS_MIN) {
      throw new Error(
        `Kafka has ${brokers.length} brokers now, and ballots need ${BROKERS_MIN}: start the others, then try again`,
      );
    }
    const configs = Object.entries(TOPIC_SETTINGS).map(([setting, value]) => ({ name: setting, value }));
    const topic = { name, numPartitions, replicationFactor: BROKERS_MIN, assignments: [], configs };
    const { timeoutMs } = this.options;
    try {
      await this.cluster.askAny(
        (connection) => createTopicsV7.api.async(connection, [topic], timeoutMs, false),
        timeoutMs,
      );
    } catch (error) {
      // Somebody made it meanwhile, or an earlier call of ours did.
      if (findErrorBy(error as Error, "apiCode", CODE.topicAlreadyExists) === null) throw error;
    }
  }

  private async untilUsable(name: string): Promise<KnownTopic> {
    const { clock, timeoutMs } = this.options;
    const deadlineMs = clock.steadyMs() + timeoutMs;
    for (;;) {
      const topic = await this.cluster.topic(name);
      if (topic !== null && (await this.isUsable(name, topic))) return topic;
      if (clock.steadyMs() >= deadlineMs) {
        throw new Error(
          `topic ${name} was made, and takes no records yet: see that all brokers run, try again`,
        );
      }
      await clock.pause(POLL_MS);
    }
  }

  /** Each leader is asked itself: it may know later than others that it is one. */
  private async isUsable(name: string, { partitions }: KnownTopic): Promise<boolean> {
    const isUsable = partitions.every(
      ({ leader, inSync }) => leader !== null && inSync.length >= IN_SYNC_MIN,
    );
    if (!isUsable) return false;
    const led = Map.groupBy(partitions.keys(), (partition) => endpointName(partitions[partition]!.leader!));
    try {
      await Promise.all([...led.values()].map((numbers) => this.askOffsets(name, partitions, numbers)));
      return true;
    } catch {
      return false;
    }
  }

  private async askOffsets(
    name: string,
    partitions: KnownTopic["partitions"],
    numbers: number[],
  ): Promise<void> {
    const asked = numbers.map((partitionIndex) => ({
      partitionIndex,
      currentLeaderEpoch: -1,
      timestamp: LATEST,
    }));
    const { leader } = partitions[numbers[0]!]!;
    await this.cluster.connections.ask(leader!, this.options.timeoutMs, (connection) =>
      listOffsetsV9.api.async(connection, NO_BROKER, READ_UNCOMMITTED, [{ name, partitions: asked }]),
    );
  }
}
