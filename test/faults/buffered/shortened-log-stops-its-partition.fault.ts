/**
 * All brokers lose power at once, and with it the end of a partition's log, which they had not flushed; then it grows again,
 * with other records. That partition stops, loudly, however long its log is by then. Other partitions and elections go on.
 */
import { readdirSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import type { Fault } from "../fault.ts";
import { Victim } from "./victim.ts";

export const shortenedLog: Fault = {
  buffered: true,
  name: "shortened-log-stops-its-partition",
  async run(stage) {
    const { cluster, random, voters } = stage;
    const brokers = cluster.brokers!;
    const victim = await Victim.open(stage);
    const drained = await victim.drained();
    const partition = random.one([...drained.keys()].filter((each) => drained[each]! > 1));
    stage.event(`all brokers lose power; the end of the victim's partition ${partition} was not flushed`);
    await Promise.all(brokers.all.map((broker) => broker.kill()));
    for (const { process } of brokers.all) {
      shorten(join(process.folder, "data", `${victim.contest.topic}-${partition}`), drained[partition]! - 1);
    }
    await Promise.all(brokers.all.map((broker) => broker.start()));
    await brokers.makeWhole();
    // Some of them into that partition: its log may be longer than what was drained of it before anybody looks.
    const accepted = random.chance(0.7) ? await victim.cast(60) : [];
    await victim.expectStopped([partition], drained, []);
    const others = accepted.filter((receipt) => receipt.partition !== partition);
    for (const receipt of others) await victim.untilRecorded(receipt);
    await victim.expectStopped([partition], drained, []);
    await voters.acknowledge(30);
  },
};

/** Leaves of its log the batches that begin before that offset, less the last one of them where there are others. */
function shorten(folder: string, beforeOffset: number): void {
  const log = join(folder, "00000000000000000000.log");
  const bytes = readFileSync(log);
  let length = 0;
  // A batch: its first offset (8 bytes), how many bytes follow the next 4 (4 bytes), and those.
  while (length + 12 <= bytes.length && bytes.readBigInt64BE(length) < beforeOffset) {
    const batch = 12 + bytes.readInt32BE(length + 8);
    const next = length + batch;
    if (next + 12 > bytes.length || bytes.readBigInt64BE(next) > beforeOffset) break;
    length = next;
  }
  truncateSync(log, length);
  for (const name of readdirSync(folder)) {
    if (/\.(index|timeindex|snapshot)$/.test(name)) rmSync(join(folder, name));
  }
}
