/**
 * Brokers are killed and frozen in the middle of it: what was told as appended is there, once, at its offset; who reads
 * meanwhile reads all of it, in order; and a member of a group keeps what it has.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { findCoordinatorV6 } from "@platformatic/kafka";
import {
  type AppendOutcome,
  type LogRecord,
  OffsetOutOfRangeError,
  type Topic,
} from "../../src/buffering/log.ts";
import type { KafkaAppender } from "../../src/kafka/appender.ts";
import type { KafkaLogReader } from "../../src/kafka/log-reader.ts";
import { eventually } from "../support/eventually.ts";
import type { Broker } from "../support/kafka/broker.ts";
import { KafkaCluster } from "../support/kafka/cluster.ts";
import {
  appenderOn,
  makeOtherTopic,
  makeTopic,
  open,
  RunningMember,
  readAll,
  readerOn,
  uniqueName,
} from "./support.ts";

setDefaultTimeout(120_000);

const PARTITIONS = 6;
const BATCH = 24;

let kafka: KafkaCluster;
beforeAll(async () => {
  kafka = await KafkaCluster.start();
});
afterAll(() => kafka[Symbol.asyncDispose]());

/** Appends without a pause, each record another one, and keeps what it was told of each. */
class Load implements AsyncDisposable {
  readonly told = new Map<string, AppendOutcome & { partition: number }>();
  private goesOn = true;
  private readonly running: Promise<void>[];

  constructor(
    private readonly appender: KafkaAppender,
    private readonly topic: Topic,
    private readonly timeoutMs: number,
  ) {
    this.running = ["a", "b"].map((lane) => this.run(lane));
  }

  private async run(lane: string): Promise<void> {
    for (let batch = 0; this.goesOn; batch++) {
      const records = Array.from({ length: BATCH }, (_, i) => ({
        partition: i % PARTITIONS,
        value: Buffer.from(`${lane} ${batch} ${i}`),
      }));
      const outcomes = await this.appender.append(this.topic, records, this.timeoutMs);
      records.forEach(({ partition, value }, i) => {
        this.told.set(value.toString(), { ...outcomes[i]!, partition });
      });
    }
  }

  count(outcome: AppendOutcome["outcome"]): number {
    return [...this.told.values()].filter((each) => each.outcome === outcome).length;
  }

  get doubts(): string[] {
    return [...this.told.values()].flatMap((each) =>
      each.outcome === "unknown" ? [each.error.message] : [],
    );
  }

  /** A whole batch is appended again, of every partition. */
  async recovers(what: string): Promise<void> {
    const before = this.count("appended");
    await eventually(what, () => this.count("appended") >= before + 4 * BATCH, 60_000);
  }

  async end(): Promise<void> {
    this.goesOn = false;
    await Promise.all(this.running);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }
}

/** Reads a partition as it grows, as recorders do. Ended when disposed of. */
class Following implements Disposable {
  readonly records: LogRecord[] = [];
  /** Rejects when the log says that records are gone. */
  readonly ended: Promise<void>;
  private until: number | null = null;

  constructor(reader: KafkaLogReader, topic: Topic, partition: number) {
    this.ended = this.run(reader, topic, partition);
  }

  /** Ends when it has read so far. */
  endAt(nextOffset: number): Promise<void> {
    this.until = nextOffset;
    return this.ended;
  }

  [Symbol.dispose](): void {
    this.until = 0;
  }

  private async run(reader: KafkaLogReader, topic: Topic, partition: number): Promise<void> {
    while (this.until === null || this.records.length < this.until) {
      try {
        const bounds = { bytesMax: 64 * 1024, waitMs: 200 };
        this.records.push(...(await reader.read(topic, partition, this.records.length, bounds)));
      } catch (error) {
        if (error instanceof OffsetOutOfRangeError) throw error;
      }
    }
  }
}

const textsOf = (records: readonly LogRecord[]) => records.map(({ value }) => value!.toString());

/**
 * A broker that was frozen takes itself for the leader until it has heard of another one, and shows the log as it was. So
 * each is asked by itself who leads, until they agree.
 */
async function untilBrokersAgree({ name }: Topic): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const each = kafka.brokers.map(({ port }) => opened.use(open(`kafka://127.0.0.1:${port}`)));
  await eventually("brokers agree on who leads", async () => {
    const found = await Promise.all(each.map((broker) => broker.topic(name)));
    const leaders = found.map((topic) => topic?.partitions.map(({ leader }) => leader?.nodeId).join());
    return new Set(leaders).size === 1;
  });
}

/** What is in the log: nothing told of it is untrue, and nothing is there twice. */
async function judge(load: Load, topic: Topic): Promise<LogRecord[][]> {
  await untilBrokersAgree(topic);
  await using reader = readerOn(kafka.address);
  const partitions = await readAll(reader, topic);
  const found = partitions.flatMap((records, partition) =>
    records.map(({ offset, value }) => [value!.toString(), { partition, offset }] as const),
  );
  const places = new Map(found);
  expect(places.size).toBe(found.length);
  const wrong = [...load.told].filter(([value, told]) => {
    const place = places.get(value);
    if (told.outcome === "unknown") return false;
    if (told.outcome === "not_appended") return place !== undefined;
    return place?.partition !== told.partition || place.offset !== told.offset;
  });
  expect(wrong).toEqual([]);
  return partitions;
}

async function coordinatorOf(group: string): Promise<Broker> {
  await using cluster = open(kafka.address);
  const { coordinators } = await cluster.askAny((connection) =>
    findCoordinatorV6.api.async(connection, 0, [group]),
  );
  return kafka.brokers.find(({ port }) => port === coordinators[0]!.port)!;
}

test("a broker is killed and comes back, another is frozen and thawed: nothing told is untrue, and it goes on by itself", async () => {
  const hasty = { topic: await makeTopic(kafka.address, PARTITIONS), timeoutMs: 2_000 };
  const patient = { topic: await makeTopic(kafka.address, PARTITIONS), timeoutMs: 60_000 };
  await using appender = appenderOn(kafka.address);
  await using running = new AsyncDisposableStack();
  const loads = [hasty, patient].map(({ topic, timeoutMs }) =>
    running.use(new Load(appender, topic, timeoutMs)),
  );
  const recover = (what: string) => Promise.all(loads.map((load) => load.recovers(what)));
  await using cluster = open(kafka.address);
  const strict = await makeOtherTopic(cluster, { "min.insync.replicas": "3" });
  const record = { partition: 0, value: Buffer.from("vote") };
  const group = uniqueName();
  await using member = new RunningMember(kafka.address, group, [patient.topic.name]);
  await eventually("the member has all", member.has(PARTITIONS));
  await using reader = readerOn(kafka.address);
  using reading = new DisposableStack();
  const following = Array.from({ length: PARTITIONS }, (_, partition) =>
    reading.use(new Following(reader, patient.topic, partition)),
  );
  const first = await coordinatorOf(group);
  const second = kafka.brokers.find((broker) => broker !== first)!;

  await recover("it appends");
  await first.end("SIGKILL");
  await recover("it goes on without the killed one");
  // Where two in sync are too few nothing is appended, and it is told so at once: the deadline is beyond the test's own.
  const [refused] = await appender.append(strict, [record], 3_600_000);
  expect(refused).toMatchObject({ outcome: "not_appended" });

  await first.start();
  await recover("it goes on with all three");
  {
    using _ = second.freeze();
    await recover("it goes on without the frozen one");
  }
  await recover("it goes on with all three again");
  await Promise.all(loads.map((load) => load.end()));

  await judge(loads[0]!, hasty.topic);
  const partitions = await judge(loads[1]!, patient.topic);
  await Promise.all(following.map((each, partition) => each.endAt(partitions[partition]!.length)));
  expect(following.map(({ records }) => textsOf(records))).toEqual(partitions.map(textsOf));
  // Who has the time is told what became of every record, whatever happened.
  expect(loads[1]!.doubts).toEqual([]);
  await eventually("the member has all again", member.has(PARTITIONS));
  await untilBrokersAgree(strict);
  await eventually("three have all of it again", async () => {
    const { partitions: found } = (await cluster.topic(strict.name))!;
    return found.every(({ inSync }) => inSync.length === 3);
  });
  // As if nothing had been refused before.
  expect(await appender.append(strict, [record], 60_000)).toEqual([{ outcome: "appended", offset: 0 }]);
});
