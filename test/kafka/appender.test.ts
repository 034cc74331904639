/** What an append tells of each record is so. */
import { expect, test } from "bun:test";
import type { AppendOutcome } from "../../src/buffering/log.ts";
import { sharedKafka } from "../support/kafka/shared.ts";
import { appenderOn, deleteTopic, makerOn, makeTopic, open, readAll, readerOn } from "./support.ts";

const TIMEOUT_MS = 20_000;

const told = (outcomes: AppendOutcome[]) => outcomes.map(({ outcome }) => outcome);

test("every record has its offset, those of a partition follow each other, and what is read is what was appended", async () => {
  const address = await sharedKafka();
  await using appender = appenderOn(address);
  await using reader = readerOn(address);
  const topic = await makeTopic(address, 4);
  const batches = Array.from({ length: 6 }, (_, batch) =>
    Array.from({ length: 50 }, (_, i) => ({ partition: (i * i) % 4, value: Buffer.from(`${batch}.${i}`) })),
  );
  const outcomes = await Promise.all(batches.map((batch) => appender.append(topic, batch, TIMEOUT_MS)));
  const partitions = await readAll(reader, topic);
  expect(partitions.flat()).toHaveLength(300);
  batches.forEach((batch, b) => {
    const last = [-1, -1, -1, -1];
    batch.forEach(({ partition, value }, i) => {
      const outcome = outcomes[b]![i]!;
      if (outcome.outcome !== "appended") throw outcome.error;
      expect(partitions[partition]![outcome.offset]).toEqual({ offset: outcome.offset, key: null, value });
      expect(outcome.offset).toBeGreaterThan(last[partition]!);
      last[partition] = outcome.offset;
    });
  });
});

test("what a partition does not take is refused, and the rest of the call is appended", async () => {
  const address = await sharedKafka();
  await using appender = appenderOn(address);
  await using reader = readerOn(address);
  const topic = await makeTopic(address, 2);
  const small = Buffer.from("small");
  const records = [
    { partition: 0, value: Buffer.alloc(2 * 1024 * 1024) },
    { partition: 1, value: small },
    { partition: 7, value: small },
  ];
  const outcomes = await appender.append(topic, records, TIMEOUT_MS);
  expect(told(outcomes)).toEqual(["not_appended", "appended", "not_appended"]);
  expect(await readAll(reader, topic)).toEqual([[], [{ offset: 0, key: null, value: small }]]);
  // The producer's numbers went on only where something was appended.
  const again = await appender.append(topic, [records[1]!, { partition: 0, value: small }], TIMEOUT_MS);
  expect(again).toEqual([
    { outcome: "appended", offset: 1 },
    { outcome: "appended", offset: 0 },
  ]);
});

test("a topic that was made anew, or is gone, is refused: nothing comes into another one of that name", async () => {
  const address = await sharedKafka();
  await using appender = appenderOn(address);
  await using reader = readerOn(address);
  await using cluster = open(address);
  const topic = await makeTopic(address, 1);
  const record = { partition: 0, value: Buffer.from("vote") };
  expect(told(await appender.append(topic, [record], TIMEOUT_MS))).toEqual(["appended"]);
  await deleteTopic(cluster, topic);
  // A broker that is just deleting it may say that it leads it no more, which tells nothing of what it was sent.
  const [afterwards] = told(await appender.append(topic, [record], TIMEOUT_MS));
  expect(["not_appended", "unknown"]).toContain(afterwards!);
  const id = await makerOn(cluster).makeTopic(topic.name, 1);
  expect(id).not.toBe(topic.id);
  const [outcome] = await appender.append(topic, [record], TIMEOUT_MS);
  expect(outcome).toMatchObject({ outcome: "not_appended" });
  expect(String((outcome as { error: Error }).error)).toContain("was made anew");
  expect(await readAll(reader, { name: topic.name, id })).toEqual([[]]);
});

test("an answer that does not come in time leaves the outcome unknown, and what follows is not taken for a copy of it", async () => {
  const address = await sharedKafka();
  await using appender = appenderOn(address);
  await using reader = readerOn(address);
  const topic = await makeTopic(address, 1);
  const outcomes: AppendOutcome[] = [];
  for (let i = 0; i < 60; i++) {
    const record = { partition: 0, value: Buffer.from(String(i)) };
    // Mostly too short for three brokers.
    outcomes.push(...(await appender.append(topic, [record], i % 2 === 0 ? TIMEOUT_MS : 1)));
  }
  expect(told(outcomes)).toContain("unknown");
  const [records] = await readAll(reader, topic);
  const offsets = new Map(records!.map(({ offset, value }) => [Number(value), offset]));
  expect(offsets.size).toBe(records!.length);
  outcomes.forEach((outcome, i) => {
    if (i % 2 === 0) expect(outcome.outcome).toBe("appended");
    if (outcome.outcome === "appended") expect(offsets.get(i)).toBe(outcome.offset);
    if (outcome.outcome === "not_appended") expect(offsets.has(i)).toBe(false);
  });
});

test("while nobody answers all is refused, by the deadline", async () => {
  await using appender = appenderOn("kafka://127.0.0.1:1");
  const topic = { name: "any", id: crypto.randomUUID() };
  const outcomes = await appender.append(topic, [{ partition: 0, value: Buffer.from("vote") }], 200);
  expect(told(outcomes)).toEqual(["not_appended"]);
});
