/**
 * A recorder freezes, at any point of what it does, for longer than its group waits for it; another one gets its partitions.
 * Thawed, it goes on where it was: whatever it still records is rejected, for the partitions' streams are not its own.
 */
import type { Fault } from "../fault.ts";
import { untilAllAreOf } from "./partitions-of.ts";

export const frozenRecorder: Fault = {
  buffered: true,
  name: "frozen-recorder-doubles-nothing",
  async run(stage) {
    const { cluster, random, voters } = stage;
    const frozen = random.one(cluster.recorders);
    const other = cluster.recorders.find((recorder) => recorder !== frozen)!;
    // A burst, so that it has a block in hand.
    using crowd = stage.crowd();
    const burst = crowd.peak(100, 600);
    await stage.lasts(random.whole(0, 500));
    stage.event(`${frozen.name} freezes`);
    frozen.freeze();
    await burst;
    await untilAllAreOf(stage, other);
    await voters.acknowledge(random.whole(1, 60));
    stage.event(`${frozen.name} thaws`);
    frozen.thaw();
    await voters.acknowledge(60);
  },
};
