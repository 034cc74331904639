/** What one broker alone has is not appended: it could be lost with it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { KafkaCluster } from "../support/kafka/cluster.ts";
import { appenderOn, makeTopic } from "./support.ts";

let kafka: KafkaCluster;
beforeAll(async () => {
  kafka = await KafkaCluster.start();
});
afterAll(() => kafka[Symbol.asyncDispose]());

test("while the others hang, the broker that leads a partition acknowledges nothing", async () => {
  const topic = await makeTopic(kafka.address, 1);
  await using appender = appenderOn(kafka.address);
  const record = { partition: 0, value: Buffer.from("a ballot") };
  const [first] = await appender.append(topic, [record], 10_000);
  expect(first).toMatchObject({ outcome: "appended" });
  const leader = appender.leaderOf(topic, 0);
  const others = kafka.brokers.filter(({ nodeId }) => nodeId !== leader);
  using hanging = new DisposableStack();
  for (const broker of others) hanging.use(broker.freeze());
  const [second] = await appender.append(topic, [record], 1_500);
  expect(second).toMatchObject({ outcome: "unknown" });
});
