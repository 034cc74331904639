/**
 * A topic is deleted and made anew under its name: what is in it now is not what was drained, and what is accepted into it
 * would be lost to the next who does so. Its partitions stop, loudly, nothing more is accepted, and other elections go on.
 */
import { eventually } from "../../support/eventually.ts";
import type { Fault } from "../fault.ts";
import { Victim } from "./victim.ts";

export const recreatedTopic: Fault = {
  buffered: true,
  name: "recreated-topic-stops-its-partitions",
  async run(stage) {
    const { cluster, voters } = stage;
    const victim = await Victim.open(stage);
    const { topic, partitions } = victim.contest;
    const drained = await victim.drained();
    stage.event("the victim's topic is deleted, and made anew");
    await cluster.brokers!.recreate(topic, partitions);
    const all = Array.from({ length: partitions }, (_, partition) => partition);
    await victim.expectStopped(all, drained, []);
    for (const gateway of cluster.gateways) {
      const isRefused = async () => (await gateway.unready()).some((reason) => reason.includes(topic));
      await eventually(`${gateway.name} takes no ballots into the new topic`, isRefused);
    }
    await voters.acknowledge(30);
  },
};
