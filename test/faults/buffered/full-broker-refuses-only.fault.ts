/** A broker's disk is full, or those of two: what it leads goes to others, or ballots are refused; none is lost. */
import { whyNoDisks } from "../disk.ts";
import type { Fault } from "../fault.ts";

export const fullBroker: Fault = {
  buffered: true,
  impossible: whyNoDisks,
  name: "full-broker-refuses-only",
  async run(stage) {
    const { cluster, contest, random, voters } = stage;
    const brokers = cluster.brokers!;
    const leader = await brokers.leader(contest.topic, random.whole(0, contest.partitions - 1));
    const other = random.one(brokers.all.filter((broker) => broker !== leader));
    const full = random.chance(0.6) ? [leader] : [leader, other];
    for (const broker of full) {
      stage.event(`${broker.name}'s disk is full`);
      broker.fillDisk();
    }
    await stage.lasts(random.whole(1_000, 3_000));
    if (full.length === 1) await voters.accept(30);
    stage.event("there is room again");
    await brokers.makeWhole();
    await voters.accept(30);
    await voters.acknowledge(30);
  },
};
