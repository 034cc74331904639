/** Somebody changes a setting of a topic so that what is accepted into it could be lost: nothing is, within seconds. */
import { untilNamed } from "../drifted-settings-stop-acknowledging.fault.ts";
import type { Fault } from "../fault.ts";

/** Each with what it is otherwise. */
const DRIFTS = [
  ["min.insync.replicas", "1", "2"],
  ["unclean.leader.election.enable", "true", "false"],
] as const;

export const driftedTopic: Fault = {
  buffered: true,
  name: "drifted-topic-stops-accepting",
  async run(stage) {
    const { cluster, random, voters, contest } = stage;
    const brokers = cluster.brokers!;
    const [setting, value, usual] = random.one(DRIFTS);
    stage.event(`${setting} = ${value} on ${contest.topic}`);
    await brokers.changeSetting(contest.topic, setting, value, usual);
    for (const gateway of cluster.gateways) await untilNamed(gateway, setting);
    await stage.silenceOf("accepted", `${setting} is ${value}`, async () => {
      const starting = random.one(cluster.gateways);
      stage.event(`${starting.name} is started anew`);
      await starting.kill();
      starting.start();
      // It asks about a topic when it is first given a ballot for it.
      await untilNamed(starting, setting);
      await stage.lasts(random.whole(100, 1_000));
    });
    await brokers.changeSetting(contest.topic, setting, usual, usual);
    await voters.accept(30);
    await voters.acknowledge(30);
  },
};
