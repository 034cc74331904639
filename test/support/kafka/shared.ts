/** One Kafka cluster for all test files of a run, started when the first one asks: they share it by topics of their own. */
import { afterAll } from "bun:test";
import { KafkaCluster } from "./cluster.ts";

let started: Promise<KafkaCluster> | undefined;

/** Its address: the one in URNA_TEST_KAFKA where that is set. Whoever breaks brokers starts a cluster of their own. */
export async function sharedKafka(): Promise<string> {
  const given = process.env.URNA_TEST_KAFKA;
  if (given) return given;
  started ??= KafkaCluster.start();
  return (await started).address;
}

afterAll(async () => {
  await (await started)?.[Symbol.asyncDispose]();
});
