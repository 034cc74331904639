/** Topics are made so that they lose nothing; others of that name are refused, with the command that mends them. */
import { expect, test } from "bun:test";
import { findErrorBy, ProduceAcks, Producer } from "@platformatic/kafka";
import { inspectKafka } from "../../src/kafka/inspection.ts";
import { sharedKafka } from "../support/kafka/shared.ts";
import { makeOtherTopic, makerOn, makeTopic, open, uniqueName } from "./support.ts";

/** Kafka's code for a record that is larger than the topic takes. */
const MESSAGE_TOO_LARGE = 10;

test("made by several at once it is one, and the inspection finds nothing wrong", async () => {
  const address = await sharedKafka();
  await using cluster = open(address);
  const name = uniqueName();
  const ids = await Promise.all([1, 2, 3].map(() => makerOn(cluster).makeTopic(name, 3)));
  expect(new Set(ids).size).toBe(1);
  expect(await makerOn(cluster).makeTopic(name, 3)).toBe(ids[0]!);
  const checks = await inspectKafka(cluster, [name]);
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  expect(checks.find(({ check }) => check === "Kafka zones")!.found).toBe("zone-1, zone-2, zone-3");
});

test("one with another number of partitions is refused", async () => {
  const address = await sharedKafka();
  await using cluster = open(address);
  const { name } = await makeTopic(address, 2);
  expect(makerOn(cluster).makeTopic(name, 3)).rejects.toThrow(
    new RegExp(`has 2 partitions and must have 3.*kafka-topics.sh .*--delete --topic ${name}`),
  );
});

const UNSAFE: Record<string, string> = {
  "min.insync.replicas": "1",
  "unclean.leader.election.enable": "true",
  "cleanup.policy": "compact",
  "retention.ms": "604800000",
  "retention.bytes": "1000000",
  "max.message.bytes": "1000",
  "compression.type": "producer",
};

for (const [setting, value] of Object.entries(UNSAFE)) {
  test(`one with ${setting}=${value} is refused, and so it is by the inspection`, async () => {
    await using cluster = open(await sharedKafka());
    const { name } = await makeOtherTopic(cluster, { [setting]: value });
    const making = makerOn(cluster).makeTopic(name, 1);
    expect(making).rejects.toThrow(`${name} ${setting} is ${value}`);
    expect(making).rejects.toThrow(`--entity-name ${name} --add-config ${setting}=`);
    const wrong = (await inspectKafka(cluster, [name])).filter(({ ok }) => !ok);
    expect(wrong.map(({ check }) => check)).toEqual([`${name} ${setting}`]);
  });
}

test("what a stranger compressed is no larger than brokers let anybody write", async () => {
  const address = await sharedKafka();
  const { name: topic } = await makeTopic(address, 1);
  const bootstrapBrokers = address.slice("kafka://".length).split(",");
  const options = { compression: "gzip", acks: ProduceAcks.ALL, retries: 0 } as const;
  const stranger = new Producer({ clientId: "stranger", bootstrapBrokers, ...options });
  try {
    const write = (bytes: number) =>
      stranger.send({ messages: [{ topic, partition: 0, value: Buffer.alloc(bytes) }] });
    await write(100_000);
    const refusal = await write(20_000_000).catch((error: Error) => error);
    expect(findErrorBy(refusal as Error, "apiCode", MESSAGE_TOO_LARGE)).not.toBeNull();
  } finally {
    await stranger.close(true);
  }
});

test("one on fewer than three brokers is refused, and a topic that is gone is told by the inspection", async () => {
  await using cluster = open(await sharedKafka());
  const { name } = await makeOtherTopic(cluster, {}, { brokers: 2 });
  expect(makerOn(cluster).makeTopic(name, 1)).rejects.toThrow("brokers a partition is 2");
  const gone = uniqueName();
  const wrong = (await inspectKafka(cluster, [name, gone])).filter(({ ok }) => !ok);
  expect(wrong.map(({ check }) => check)).toEqual([`${name} brokers a partition`, `${gone} is there`]);
});

test("while nobody answers it throws", async () => {
  await using cluster = open("kafka://127.0.0.1:1");
  expect(makerOn(cluster).makeTopic("any", 1)).rejects.toThrow("no Kafka broker answers");
  expect(inspectKafka(cluster, [])).rejects.toThrow("no Kafka broker answers");
});
