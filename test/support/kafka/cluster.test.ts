/** Kafka for tests: three brokers with a production's promises, which can be killed, frozen, and started again. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { Admin, type ClusterMetadata } from "@platformatic/kafka";
import { eventually } from "../eventually.ts";
import { KafkaCluster } from "./cluster.ts";
import { sharedKafka } from "./shared.ts";

function adminOf(address: string) {
  const bootstrapBrokers = address.replace("kafka://", "").split(",");
  const admin = new Admin({ clientId: "urna-test", bootstrapBrokers, retries: 0, connectTimeout: 1_000 });
  return Object.assign(admin, { [Symbol.asyncDispose]: () => admin.close() });
}

const metadata = (admin: Admin, topics: string[] = []): Promise<ClusterMetadata> =>
  admin.metadata({ topics, forceUpdate: true });

test("the shared cluster has three brokers, and makes no topic that nobody made", async () => {
  await using admin = adminOf(await sharedKafka());
  expect((await metadata(admin)).brokers.size).toBe(3);
  await expect(metadata(admin, [`unmade-${crypto.randomUUID()}`])).rejects.toThrow();
});

test("a broker is killed and started again, and keeps what it had; nothing is left when the cluster is done", async () => {
  let folders: string[];
  {
    await using cluster = await KafkaCluster.start({ settings: { "num.partitions": 2 } });
    const [first] = cluster.brokers;
    folders = cluster.brokers.map(({ folder }) => folder);
    await using admin = adminOf(cluster.address);
    await admin.createTopics({ topics: ["kept"], partitions: -1, replicas: -1 });
    const kept = async () => (await metadata(admin, ["kept"])).topics.get("kept")!;
    const haveIt = (count: number) => async () => (await kept()).partitions[0]!.isr.length === count;
    await eventually("all have it", haveIt(3));
    const { id } = await kept();

    await first!.end("SIGKILL");
    await eventually("two are left", haveIt(2));
    await first!.start();
    await eventually("all have it again", haveIt(3));
    expect(await kept()).toMatchObject({ id, partitionsCount: 2 });
  }
  expect(folders.filter(existsSync)).toEqual([]);
});
