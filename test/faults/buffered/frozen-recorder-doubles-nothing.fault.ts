/**
 * A recorder freezes, at any point of what it does, for longer than its group waits for it; another one gets its partitions.
 * Thawed, it goes on where it was: whatever it still records is rejected, for the partitions' streams are not its own.
 */
import { eventually } from "../../support/eventually.ts";
import type { Fault } from "../fault.ts";

export const frozenRecorder: Fault = {
  name: "frozen-recorder-doubles-nothing",
  buffered: true,
  async run(stage) {
    const { cluster, random, voters, contest } = stage;
    const frozen = random.one(cluster.recorders);
    const other = cluster.recorders.find((recorder) => recorder !== frozen)!;
    // A burst, so that it has a block in hand.
    using crowd = stage.crowd();
    const burst = crowd.peak(100, 600);
    await stage.lasts(random.whole(0, 500));
    stage.event(`${frozen.name} freezes`);
    frozen.freeze();
    await burst;
    await eventually(`${other.name} has all partitions`, async () => {
      const drained = await other.metric("urna_partition_next_offset");
      return drained.filter((line) => line.includes(contest.topic)).length === contest.partitions;
    });
    await voters.acknowledge(random.whole(1, 60));
    stage.event(`${frozen.name} thaws`);
    frozen.thaw();
    await voters.acknowledge(60);
  },
};
