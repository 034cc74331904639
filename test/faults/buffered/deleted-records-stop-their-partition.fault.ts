/**
 * Records are deleted before they were drained, as by a retention that somebody set: that partition stops, loudly, and
 * nothing behind the gap is recorded. Other partitions and elections go on.
 */
import type { Fault } from "../fault.ts";
import { Victim } from "./victim.ts";

export const deletedRecords: Fault = {
  buffered: true,
  name: "deleted-records-stop-their-partition",
  async run(stage) {
    const { cluster, random, voters } = stage;
    const victim = await Victim.open(stage);
    const { topic, partitions } = victim.contest;
    for (const recorder of cluster.recorders) recorder.freeze();
    // A frozen recorder may have asked for records before, and is given the first of these when it thaws.
    const given = await victim.cast(40);
    const ends = await victim.ends();
    const accepted = [...given, ...(await victim.cast(60))];
    const partition = random.whole(0, partitions - 1);
    const end = await cluster.brokers!.end(topic, partition);
    const before = random.whole(ends[partition]! + 1, end);
    stage.event(`records up to ${before - 1} of the victim's partition ${partition} are deleted`);
    await cluster.brokers!.deleteRecords(topic, partition, before);
    for (const recorder of cluster.recorders) recorder.thaw();
    const others = accepted.filter((receipt) => receipt.partition !== partition);
    for (const receipt of others) await victim.untilRecorded(receipt);
    const later = await victim.cast(20);
    await victim.expectStopped([partition], ends, [...accepted, ...later]);
    await voters.acknowledge(30);
  },
};
