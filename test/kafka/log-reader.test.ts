/** A partition is read from the offset that is asked for, or not at all. */
import { expect, test } from "bun:test";
import { deleteRecordsV2 } from "@platformatic/kafka";
import { OffsetOutOfRangeError } from "../../src/buffering/log.ts";
import { sharedKafka } from "../support/kafka/shared.ts";
import { appenderOn, deleteTopic, makerOn, makeTopic, open, readerOn } from "./support.ts";

const BOUNDS = { bytesMax: 64 * 1024, waitMs: 300 };
const TIMEOUT_MS = 20_000;

const votes = (count: number, partition = 0) =>
  Array.from({ length: count }, (_, i) => ({ partition, value: Buffer.from(`vote ${i}`) }));

test("from the middle of a batch, in order, no more than asked for, and at least one", async () => {
  const address = await sharedKafka();
  await using appender = appenderOn(address);
  await using reader = readerOn(address);
  const topic = await makeTopic(address, 1);
  for (let i = 0; i < 3; i++) await appender.append(topic, votes(10), TIMEOUT_MS);
  expect(await reader.topic(topic.name)).toEqual({ id: topic.id, partitions: 1 });
  expect(await reader.bounds(topic, 0)).toEqual({ earliest: 0, next: 30 });
  const all = await reader.read(topic, 0, 7, BOUNDS);
  expect(all.map(({ offset }) => offset)).toEqual(Array.from({ length: 23 }, (_, i) => i + 7));
  expect(all[3]).toEqual({ offset: 10, key: null, value: Buffer.from("vote 0") });
  expect((await reader.read(topic, 0, 7, { ...BOUNDS, bytesMax: 1 })).map(({ offset }) => offset)).toEqual([
    7, 8, 9,
  ]);
});

test("an offset that is not there is an error, before the first as after the last", async () => {
  const address = await sharedKafka();
  await using appender = appenderOn(address);
  await using reader = readerOn(address);
  await using cluster = open(address);
  const topic = await makeTopic(address, 1);
  await appender.append(topic, votes(10), TIMEOUT_MS);
  expect(reader.read(topic, 0, 11, BOUNDS)).rejects.toBeInstanceOf(OffsetOutOfRangeError);
  const { leader } = (await cluster.topic(topic.name))!.partitions[0]!;
  const gone = [{ name: topic.name, partitions: [{ partitionIndex: 0, offset: 4n }] }];
  await cluster.connections.ask(leader!, TIMEOUT_MS, (connection) =>
    deleteRecordsV2.api.async(connection, gone, TIMEOUT_MS),
  );
  expect(await reader.bounds(topic, 0)).toEqual({ earliest: 4, next: 10 });
  expect(reader.read(topic, 0, 3, BOUNDS)).rejects.toBeInstanceOf(OffsetOutOfRangeError);
  expect((await reader.read(topic, 0, 4, BOUNDS))[0]!.offset).toBe(4);
});

test("a topic that was made anew has none of the offsets of the one before", async () => {
  const address = await sharedKafka();
  await using appender = appenderOn(address);
  await using reader = readerOn(address);
  await using cluster = open(address);
  const topic = await makeTopic(address, 1);
  await appender.append(topic, votes(3), TIMEOUT_MS);
  await reader.read(topic, 0, 0, BOUNDS);
  await deleteTopic(cluster, topic);
  expect(await reader.topic(topic.name)).toBe(null);
  const id = await makerOn(cluster).makeTopic(topic.name, 1);
  await appender.append({ name: topic.name, id }, votes(5), TIMEOUT_MS);
  // Nothing that is known of it is taken for the other one's.
  await cluster.topic(topic.name);
  expect(cluster.known({ name: topic.name, id })?.id).toBe(id);
  expect(cluster.known(topic)).toBeUndefined();
  const reading = async () => {
    for (;;) {
      const records = await reader.read(topic, 0, 3, BOUNDS).catch((error: Error) => error);
      if (records instanceof OffsetOutOfRangeError || !(records instanceof Error)) return records;
    }
  };
  expect(await reading()).toBeInstanceOf(OffsetOutOfRangeError);
  expect(reader.bounds(topic, 0)).rejects.toBeInstanceOf(OffsetOutOfRangeError);
});

test("who waits for records gets them when they come, and holds up nobody: 64 partitions at once", async () => {
  const address = await sharedKafka();
  await using appender = appenderOn(address);
  await using reader = readerOn(address);
  const topic = await makeTopic(address, 64);
  const long = { bytesMax: 64 * 1024, waitMs: 3_600_000 };
  const waiting = Array.from({ length: 64 }, (_, partition) => reader.read(topic, partition, 0, long));
  expect(await reader.read(topic, 0, 0, { ...long, waitMs: 1 })).toEqual([]);
  // From the last to the first: each waits for its own.
  for (let partition = 63; partition >= 0; partition--) {
    await appender.append(topic, votes(1, partition), TIMEOUT_MS);
    expect((await waiting[partition]!).map(({ offset }) => offset)).toEqual([0]);
  }
});
