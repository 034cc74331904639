/** A broker that leads partitions is killed, others lead them, it comes back; at times another one after it. Voters are asked to try again at most. */
import type { Fault } from "../fault.ts";

export const brokerKilled: Fault = {
  buffered: true,
  name: "broker-killed-loses-nothing",
  async run(stage) {
    const { cluster, contest, random, voters } = stage;
    const brokers = cluster.brokers!;
    for (let kills = random.chance(0.3) ? 2 : 1; kills > 0; kills--) {
      const leader = await brokers.leader(contest.topic, random.whole(0, contest.partitions - 1));
      stage.event(`${leader.name}, which leads partitions, is killed`);
      await leader.kill();
      await voters.accept(random.whole(10, 60));
      stage.event(`${leader.name} is started`);
      await leader.start();
      await voters.acknowledge(random.whole(10, 60));
      if (kills > 1) await brokers.makeWhole();
    }
  },
};
