/**
 * A gateway is cut off from every broker: held, so that what it had sent may arrive later, or severed. It promises nothing to
 * whoever asks meanwhile, the others go on, and so does it once it reaches them again.
 */
import type { Fault } from "../fault.ts";

export const cutOffGateway: Fault = {
  buffered: true,
  name: "cut-off-gateway-promises-nothing",
  async run(stage) {
    const { cluster, random, voters } = stage;
    const gateway = random.one(cluster.gateways);
    const brokers = cluster.brokers!.all;
    const how = random.one(["hold", "sever"] as const);
    stage.event(`${gateway.name} is cut off from the brokers: ${how}`);
    for (const { name } of brokers) cluster.network[how](gateway.name, name);
    await stage.silenceOf(
      "accepted",
      "no broker can be reached",
      () => stage.lasts(random.whole(500, 4_000)),
      { gateways: [gateway.name] },
    );
    await voters.accept(random.whole(1, 30));
    for (const { name } of brokers) cluster.network.release(gateway.name, name);
    stage.event(`${gateway.name} reaches the brokers again`);
    await voters.acknowledge(60);
  },
};
