/** The log of a cluster under test: three Kafka brokers, which stay as a test left them, and what operators and strangers do to it. */
import { rmSync } from "node:fs";
import { Admin, Producer } from "@platformatic/kafka";
import { eventually } from "../../support/eventually.ts";
import type { Broker as BrokerProcess } from "../../support/kafka/broker.ts";
import { KafkaCluster } from "../../support/kafka/cluster.ts";
import { fill, mount, unmount, whyNoDisks } from "../disk.ts";
import type { Network } from "./network.ts";

const DISK_MEGABYTES = 300;
const WHOLE_TIMEOUT_MS = 90_000;
const REQUEST_TIMEOUT_MS = 5_000;
/** The numbers that Kafka's protocol has for a topic's configuration, and for setting a value. */
const TOPIC = 2;
const SET = 0;
/** Asks for the offset that the next record will have. */
const LATEST = -1n;

export class Broker {
  readonly name: string;
  private frozen: Disposable | undefined;
  private filler: string | undefined;

  constructor(
    readonly process: BrokerProcess,
    readonly number: number,
  ) {
    this.name = nameOf(number);
  }

  get isRunning(): boolean {
    return this.process.isRunning;
  }

  async kill(): Promise<void> {
    await this.process.end("SIGKILL");
    this.frozen = undefined;
  }

  /** Does not wait for it to take requests. */
  start(): Promise<void> {
    return this.process.launch();
  }

  freeze(): void {
    if (this.isRunning) this.frozen ??= this.process.freeze();
  }

  thaw(): void {
    this.frozen?.[Symbol.dispose]();
    this.frozen = undefined;
  }

  fillDisk(): void {
    this.filler ??= fill(this.process.folder);
  }

  emptyDisk(): void {
    if (this.filler !== undefined) rmSync(this.filler, { force: true });
    this.filler = undefined;
  }
}

export class Brokers implements AsyncDisposable {
  readonly all: readonly Broker[];
  private readonly opened = new AsyncDisposableStack();
  private readonly admin: Admin;
  /** Of topics: what undoes the changes of their settings. */
  private readonly changed: { topic: string; name: string; value: string }[] = [];

  private constructor(private readonly cluster: KafkaCluster) {
    this.all = cluster.brokers.map((process, i) => new Broker(process, i + 1));
    this.admin = new Admin(this.connection);
    this.opened.use(cluster);
    this.opened.defer(() => this.admin.close());
    this.opened.defer(() => {
      for (const broker of this.all) broker.thaw();
    });
  }

  /** Resolves when all take requests. Where it can be, each has a small disk of its own. `clients` reach them through the network. */
  static async start(network: Network, clients: readonly string[]): Promise<Brokers> {
    const reach = (client: string, number: number, port: number) =>
      network.connect(client, nameOf(number), port);
    const prepareFolder = (folder: string) => {
      mount(folder, DISK_MEGABYTES);
      return () => unmount(folder);
    };
    const isSmall = whyNoDisks() === null;
    const settings = { "log.segment.bytes": 8 * 1024 * 1024, "log.index.size.max.bytes": 1024 * 1024 };
    return new Brokers(
      await KafkaCluster.start({ settings, clients, reach, ...(isSmall ? { prepareFolder } : {}) }),
    );
  }

  /** As that client reaches them. */
  addressFor(client: string): string {
    return this.cluster.addressFor(client);
  }

  /** The broker that leads the partition. */
  async leader(topic: string, partition: number): Promise<Broker> {
    const { leader } = (await this.partitions(topic))[partition]!;
    return this.all.find(({ number }) => number === leader)!;
  }

  /** Of each partition, the leader and how many brokers have all of it. */
  async partitions(topic: string): Promise<{ leader: number; inSync: number }[]> {
    const { topics } = await this.admin.metadata({ topics: [topic], forceUpdate: true });
    return topics.get(topic)!.partitions.map(({ leader, isr }) => ({ leader, inSync: isr.length }));
  }

  /** The offset that the partition's next record will have. */
  async end(topic: string, partition: number): Promise<number> {
    const partitions = [{ partitionIndex: partition, timestamp: LATEST }];
    const [found] = await this.admin.listOffsets({ topics: [{ name: topic, partitions }] });
    return Number(found!.partitions[0]!.offset);
  }

  /** Until {@link makeWhole}. */
  async changeSetting(topic: string, name: string, value: string, usual: string): Promise<void> {
    this.changed.push({ topic, name, value: usual });
    await this.set(topic, name, value);
  }

  /** As an operator may, or retention does: those before that offset are gone. */
  async deleteRecords(topic: string, partition: number, beforeOffset: number): Promise<void> {
    const partitions = [{ partition, offset: BigInt(beforeOffset) }];
    await this.admin.deleteRecords({ topics: [{ name: topic, partitions }] });
  }

  /** Made anew under its name, with so many partitions and nothing in them. */
  async recreate(topic: string, partitions: number): Promise<void> {
    await this.admin.deleteTopics({ topics: [topic] });
    await eventually(`${topic} is made anew`, async () => {
      await this.admin.createTopics({ topics: [topic], partitions, replicas: this.all.length });
      return true;
    });
  }

  /** What a stranger writes: in that order, wherever they say. */
  async write(topic: string, records: readonly StrangeRecord[]): Promise<void> {
    const producer = new Producer({ ...this.connection, idempotent: true });
    try {
      await producer.send({
        messages: records.map(({ partition, key = null, value }) => ({
          topic,
          partition,
          ...(key === null ? {} : { key }),
          ...(value === null ? {} : { value }),
        })),
      });
    } finally {
      await producer.close(true);
    }
  }

  /** Resolves when every broker takes requests and has all of every partition. */
  async makeWhole(): Promise<void> {
    for (const broker of this.all) {
      broker.emptyDisk();
      broker.thaw();
    }
    try {
      await eventually("every broker has every record", () => this.isWhole(), WHOLE_TIMEOUT_MS);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${await this.found()}`, { cause: error });
    }
    for (const { topic, name, value } of this.changed.splice(0)) await this.set(topic, name, value);
  }

  /** For people: which brokers are missing where, and what each said last. */
  private async found(): Promise<string> {
    const words = this.all.map(({ name, process }) => `${name}: ${process.lastWords.slice(-500)}`);
    try {
      const found = await this.admin.metadata({ topics: await this.admin.listTopics(), forceUpdate: true });
      for (const [topic, { partitions }] of found.topics) {
        const short = partitions.flatMap(({ isr }, i) =>
          isr.length < this.all.length ? `${i}: ${isr}` : [],
        );
        if (short.length > 0) words.push(`${topic}: in sync of ${short.join("; ")}`);
      }
    } catch (error) {
      words.push((error as Error).message);
    }
    return words.join("\n");
  }

  private async isWhole(): Promise<boolean> {
    for (const broker of this.all) if (!broker.isRunning) await broker.start();
    const topics = await this.admin.listTopics();
    const found = await this.admin.metadata({ topics, forceUpdate: true });
    return [...found.topics.values()].every(({ partitions }) =>
      partitions.every(({ isr }) => isr.length === this.all.length),
    );
  }

  private async set(topic: string, name: string, value: string): Promise<void> {
    const configs = [{ name, configOperation: SET, value }] as const;
    await this.admin.incrementalAlterConfigs({
      resources: [{ resourceType: TOPIC, resourceName: topic, configs: [...configs] }],
    });
  }

  private get connection() {
    const bootstrapBrokers = this.cluster.brokers.map(({ port }) => `127.0.0.1:${port}`);
    return { clientId: "urna-faults", bootstrapBrokers, timeout: REQUEST_TIMEOUT_MS, connectTimeout: 1_000 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.opened.disposeAsync();
  }
}

function nameOf(number: number): string {
  return `broker${number}`;
}

export type StrangeRecord = { partition: number; key?: Buffer | null; value: Buffer | null };
