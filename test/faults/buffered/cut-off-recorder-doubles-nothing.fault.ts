/**
 * A recorder is cut off from every broker for longer than its group waits for it, with blocks in hand, while it goes on reaching
 * the ledgers. Another one gets its partitions: whatever the first still records is rejected, and it has part again afterwards.
 */
import type { Fault } from "../fault.ts";
import { untilAllAreOf } from "./partitions-of.ts";

export const cutOffRecorder: Fault = {
  buffered: true,
  name: "cut-off-recorder-doubles-nothing",
  async run(stage) {
    const { cluster, random, voters } = stage;
    const alone = random.one(cluster.recorders);
    const other = cluster.recorders.find((recorder) => recorder !== alone)!;
    const brokers = cluster.brokers!.all;
    const how = random.one(["hold", "sever"] as const);
    using crowd = stage.crowd();
    const burst = crowd.peak(100, 600);
    await stage.lasts(random.whole(0, 500));
    stage.event(`${alone.name} is cut off from the brokers: ${how}`);
    for (const { name } of brokers) cluster.network[how](alone.name, name);
    await burst;
    await untilAllAreOf(stage, other);
    await voters.acknowledge(random.whole(1, 60));
    stage.event(`${alone.name} reaches the brokers again`);
    for (const { name } of brokers) cluster.network.release(alone.name, name);
    await voters.acknowledge(60);
  },
};
