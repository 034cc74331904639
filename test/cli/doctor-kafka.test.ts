/** What the doctor says of Kafka: real brokers, an election's topic, and who drains it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { kafkaChecks } from "../../src/cli/doctor-kafka.ts";
import { topicOf } from "../../src/election/buffering.ts";
import type { Election } from "../../src/election/election.ts";
import { parseKafkaAddress } from "../../src/kafka/address.ts";
import { Cluster } from "../../src/kafka/cluster.ts";
import { KafkaTopicMaker } from "../../src/kafka/topic-maker.ts";
import { systemClock as clock } from "../../src/runtime/clock.ts";
import { eventually } from "../support/eventually.ts";
import { sharedKafka } from "../support/kafka/shared.ts";
import { electionOf, openStore } from "../support/record.ts";
import { freshDatabase, TEST_SESSION } from "../support/shared-cluster.ts";

const PARTITIONS = 3;

const opened = new AsyncDisposableStack();
let databaseUrl: string;
let address: string;
let election: Election;

beforeAll(async () => {
  databaseUrl = await freshDatabase();
  address = await sharedKafka();
  const { store } = await openStore(opened, databaseUrl);
  election = await store.createElection(electionOf({ partitions: PARTITIONS, ledgers: [0], topicId: null }));
  const cluster = opened.use(new Cluster(parseKafkaAddress(address), "urna test"));
  const maker = new KafkaTopicMaker(cluster, { clock, timeoutMs: 20_000 });
  await store.setTopic(election, await maker.makeTopic(topicOf(election.uuid), PARTITIONS));
});
afterAll(() => opened.disposeAsync());

const wrongOf = async (kafka: string) =>
  (await kafkaChecks(kafka, databaseUrl, TEST_SESSION)).filter(({ ok }) => !ok);

test("brokers, the topic's settings and its id are right, and nobody drains it", async () => {
  const checks = await kafkaChecks(address, databaseUrl, TEST_SESSION);
  const topic = topicOf(election.uuid);
  expect(checks.map(({ check }) => check)).toEqual(
    expect.arrayContaining([
      ...["Kafka reachable", "Kafka brokers", "Kafka version", `${topic} min.insync.replicas`],
      ...[`${topic} unclean.leader.election.enable`, `${topic} is election ${election.id}'s`, "recorders"],
    ]),
  );
  expect(checks.filter(({ ok }) => !ok).map(({ check }) => check)).toEqual(["recorders"]);
  // The first question ever makes Kafka set up what keeps groups.
  const told = await eventually("it is told who drains", async () => {
    const { found } = (await kafkaChecks(address, databaseUrl, TEST_SESSION)).at(-1)!;
    return found.startsWith("nobody") ? null : found;
  });
  expect(told).toMatch(/^\d+ recorders drain \d+ of 3 partitions$/);
});

test("a topic that is another one than the election's is told, with what it may have held", async () => {
  const { store } = await openStore(opened, databaseUrl);
  const other = await store.createElection(electionOf({ partitions: 2, ledgers: [0], topicId: null }));
  await store.setTopic(other, crypto.randomUUID());
  const wrong = await wrongOf(address);
  expect(wrong).toContainEqual(
    expect.objectContaining({
      check: `${topicOf(other.uuid)} is election ${other.id}'s`,
      found: "not there",
      mend: expect.stringContaining("ballots that no ledger has"),
    }),
  );
});

test("brokers that do not answer are told, and nothing else of Kafka is", async () => {
  const wrong = await wrongOf("kafka://127.0.0.1:1");
  expect(wrong.map(({ check }) => check)).toEqual(["Kafka reachable"]);
  expect(wrong[0]!.found).toContain("no Kafka broker answers");
});
