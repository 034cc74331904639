/**
 * Appends to Kafka, each record once.
 *
 * ```
 *  batch of a partition ─▶ attempt ─┬─ appended ─────────── settled, with its offsets
 *                            ▲      ├─ refused for certain ─ settled as not appended, unless an earlier attempt is open
 *                            └──────┴─ open ──────────────── the same batch again, with the same sequence number, at
 *                                                            whichever broker leads the partition then
 * ```
 *
 * An attempt is open when it may have appended: no answer came, or one that does not say. A broker that has a batch with
 * its producer's sequence number answers a second attempt with the offsets of the first, so that trying again tells what
 * became of it. At the deadline an open batch is unknown, and its producer is given up: what it sent may come later.
 */
import { initProducerIdV5 } from "@platformatic/kafka";
import type { Appender, Appending, AppendOutcome, Topic } from "../buffering/log.ts";
import type { Clock } from "../runtime/clock.ts";
import { withinTime } from "../runtime/within-time.ts";
import { type Endpoint, endpointName } from "./address.ts";
import type { Cluster, KnownTopic } from "./cluster.ts";
import { PartitionBatch } from "./partition-batch.ts";
import { type Producer, produce } from "./produce.ts";

export type AppenderOptions = {
  clock: Clock;
  /** Between two attempts. */
  retryPauseMs: number;
  /** A broker that has not answered for so long may have been replaced: the others are asked. */
  suspectMs: number;
};

/** Numbers of batches must fit into 31 bits; one that comes near is given up. */
const SEQUENCE_MAX = 2 ** 31 - 2 ** 24;
const IDLE_PRODUCERS_MAX = 16;
const NO_BROKER = -1;
/** Kept ready: while Kafka's controllers are being replaced nobody gets a new one. */
const SPARE_PRODUCERS = 4;

/** One producer's numbers; one call has it at a time, so that batches follow each other. */
type NumberedProducer = Producer & {
  /** The next one of each partition, by topic id and partition. */
  sequences: Map<string, number>;
};

export class KafkaAppender implements Appender {
  /** The one that was in use last is used first. */
  private readonly idle: NumberedProducer[] = [];
  /** Owned by keepSpares(). */
  private isAskingForSpares = false;

  constructor(
    private readonly cluster: Cluster,
    private readonly options: AppenderOptions,
  ) {}

  /** Of all brokers, -1 while none leads it. */
  leaderOf(topic: Topic, partition: number): number {
    return this.cluster.known(topic)?.partitions[partition]?.leader?.nodeId ?? NO_BROKER;
  }

  async append(topic: Topic, records: readonly Appending[], timeoutMs: number): Promise<AppendOutcome[]> {
    const deadlineMs = this.options.clock.steadyMs() + timeoutMs;
    const outcomes: AppendOutcome[] = new Array(records.length);
    const batches = batchesOf(records);
    try {
      const producer = this.idle.pop() ?? (await this.newProducer(deadlineMs));
      await this.settle(topic, batches, producer, deadlineMs);
      this.giveBack(topic, batches, producer);
      void this.keepSpares();
    } catch (error) {
      for (const batch of batches) batch.refuse(error as Error);
    }
    for (const batch of batches) batch.tell(outcomes);
    return outcomes;
  }

  /** Until every batch is settled, or the deadline. */
  private async settle(
    topic: Topic,
    batches: readonly PartitionBatch[],
    producer: NumberedProducer,
    deadlineMs: number,
  ): Promise<void> {
    const { clock, retryPauseMs } = this.options;
    for (const batch of batches) batch.firstSequence = producer.sequences.get(numberKey(topic, batch)) ?? 0;
    let known = this.cluster.known(topic);
    for (;;) {
      const left = batches.filter((batch) => !batch.isSettled);
      if (left.length === 0 || this.leftMs(deadlineMs) === 0) return;
      known ??= await this.lookUp(topic, left, deadlineMs);
      if (known !== undefined) {
        const groups = [...byLeader(left, known)];
        await Promise.all(
          groups.map(([leader, group]) => this.attempt(topic, leader, group, producer, deadlineMs)),
        );
        known = undefined;
      }
      if (left.every((batch) => batch.isSettled)) return;
      await clock.pause(Math.min(retryPauseMs, this.leftMs(deadlineMs)));
    }
  }

  private leftMs(deadlineMs: number): number {
    return Math.max(0, Math.ceil(deadlineMs - this.options.clock.steadyMs()));
  }

  /** The topic as it is now; where there is none of that id any more, what is left is refused. */
  private async lookUp(
    topic: Topic,
    left: readonly PartitionBatch[],
    deadlineMs: number,
  ): Promise<KnownTopic | undefined> {
    try {
      const late = () => new Error("no broker told in time which one leads the partition");
      const now = await withinTime(this.cluster.topic(topic.name), this.leftMs(deadlineMs), late);
      if (now?.id === topic.id) return now;
      const found = now === null ? "is gone" : "was made anew";
      for (const batch of left) batch.refuse(new Error(`topic ${topic.name} ${found}`));
    } catch (error) {
      for (const batch of left) batch.lastError = error as Error;
    }
    return undefined;
  }

  /** Sends each batch once, to the broker that leads its partition. */
  private async attempt(
    topic: Topic,
    leader: Endpoint | null,
    batches: readonly PartitionBatch[],
    producer: NumberedProducer,
    deadlineMs: number,
  ): Promise<void> {
    const { connections } = this.cluster;
    if (leader === null) {
      for (const batch of batches) batch.lastError = new Error("no broker leads the partition");
      return;
    }
    let sent = false;
    const given = new AbortController();
    try {
      const timeoutMs = this.leftMs(deadlineMs);
      const answer = connections.ask(leader, timeoutMs, (connection) => {
        sent = true;
        return produce(connection, producer, topic.id, batches, timeoutMs);
      });
      const moved = this.leaderMoves(topic, leader, batches, given.signal);
      for (const partition of await Promise.race([answer, moved])) {
        batches.find((batch) => batch.partition === partition.partition)?.judge(partition);
      }
    } catch (error) {
      for (const batch of batches) {
        batch.lastError = error as Error;
        batch.isOpen ||= sent;
      }
    } finally {
      given.abort();
    }
  }

  /** Rejects once another broker leads one of the partitions: what the old one was sent is given up. */
  private async leaderMoves(
    topic: Topic,
    leader: Endpoint,
    batches: readonly PartitionBatch[],
    signal: AbortSignal,
  ): Promise<never> {
    const { clock, suspectMs } = this.options;
    for (;;) {
      await clock.pause(suspectMs, signal);
      if (signal.aborted) return new Promise(() => undefined);
      const known = await this.cluster.topic(topic.name).catch(() => null);
      const isLeader = ({ partition }: PartitionBatch) => {
        const now = known?.partitions[partition]?.leader ?? null;
        return now === null || endpointName(now) === endpointName(leader);
      };
      if (!batches.every(isLeader)) throw new Error(`broker ${endpointName(leader)} was replaced`);
    }
  }

  private async newProducer(deadlineMs: number): Promise<NumberedProducer> {
    const { clock, retryPauseMs } = this.options;
    let last = new Error("no broker gave a producer id in time");
    for (;;) {
      try {
        return await withinTime(this.askProducer(), this.leftMs(deadlineMs), () => last);
      } catch (error) {
        last = error as Error;
        if (this.leftMs(deadlineMs) <= retryPauseMs) throw last;
        await clock.pause(retryPauseMs);
      }
    }
  }

  private async askProducer(): Promise<NumberedProducer> {
    const answer = await this.cluster.askAny((connection) => initProducerIdV5.api.async(connection, null, 0));
    return { id: answer.producerId, epoch: answer.producerEpoch, sequences: new Map() };
  }

  private async keepSpares(): Promise<void> {
    if (this.isAskingForSpares) return;
    this.isAskingForSpares = true;
    try {
      while (this.idle.length < SPARE_PRODUCERS) this.idle.unshift(await this.askProducer());
    } catch {
      // After the next append it is tried again.
    } finally {
      this.isAskingForSpares = false;
    }
  }

  /** Unless a batch of its may still come, or a broker does not take its numbers. */
  private giveBack(topic: Topic, batches: readonly PartitionBatch[], producer: NumberedProducer): void {
    if (batches.some((batch) => batch.spoilsNumbers)) return;
    for (const batch of batches) {
      if (!batch.isAppended) continue;
      const next = batch.firstSequence + batch.values.length;
      if (next > SEQUENCE_MAX) return;
      producer.sequences.set(numberKey(topic, batch), next);
    }
    if (this.idle.length < IDLE_PRODUCERS_MAX) this.idle.push(producer);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.cluster[Symbol.asyncDispose]();
  }
}

function numberKey({ id }: Topic, { partition }: PartitionBatch): string {
  return `${id} ${partition}`;
}

function batchesOf(records: readonly Appending[]): PartitionBatch[] {
  const batches = new Map<number, PartitionBatch>();
  records.forEach(({ partition, value }, place) => {
    const batch = batches.get(partition) ?? new PartitionBatch(partition);
    batches.set(partition, batch);
    batch.add(value, place);
  });
  return [...batches.values()];
}

function byLeader(
  batches: readonly PartitionBatch[],
  { partitions }: KnownTopic,
): Map<Endpoint | null, PartitionBatch[]> {
  const groups = new Map<string, [Endpoint | null, PartitionBatch[]]>();
  for (const batch of batches) {
    const partition = partitions[batch.partition];
    if (partition === undefined) {
      batch.refuse(new Error(`the topic has no partition ${batch.partition}`));
      continue;
    }
    const name = partition.leader === null ? "" : endpointName(partition.leader);
    const group = groups.get(name) ?? [partition.leader, []];
    group[1].push(batch);
    groups.set(name, group);
  }
  return new Map(groups.values());
}
