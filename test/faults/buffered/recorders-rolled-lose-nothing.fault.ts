/** Recorders are stopped and started one after the other in the middle of a burst, fewer and more of them: nothing is lost or doubled. */
import type { Fault } from "../fault.ts";

export const recordersRolled: Fault = {
  buffered: true,
  name: "recorders-rolled-lose-nothing",
  async run(stage) {
    const { cluster, random, voters } = stage;
    using crowd = stage.crowd();
    const burst = crowd.peak(50, 4_000);
    for (const recorder of cluster.recorders) {
      const isKilled = random.chance(0.3);
      stage.event(`${recorder.name} is ${isKilled ? "killed" : "stopped"}`);
      await (isKilled ? recorder.kill() : recorder.stop());
      // What is left of the group has all partitions for a while.
      await stage.lasts(random.whole(0, 1_500));
      stage.event(`${recorder.name} is started`);
      await recorder.untilReady();
      await voters.acknowledge(random.whole(1, 30));
    }
    await burst;
    await voters.acknowledge(30);
  },
};
