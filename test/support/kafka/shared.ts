/** One Kafka cluster for all test files of a run, started when the first one asks: they share it by topics of their own. */
import { afterAll } from "bun:test";
import { KafkaCluster } from "./cluster.ts";

let started: Promise<KafkaCluster> | undefined;

/** Its address: the one in URNA_TEST_KAFKA where that is set. Whoever breaks brokers starts a cluster of their own. */
export async function sharedKafka(): Promise<string> {
  return process.env.URNA_TEST_KAFKA || (await sharedCluster()).address;
}

/** Ours in any case: whoever asks needs to know more of it than where it is. */
export function sharedCluster(): Promise<KafkaCluster> {
  started ??= KafkaCluster.start();
  return started;
}

afterAll(async () => {
  await (await started)?.[Symbol.asyncDispose]();
});
