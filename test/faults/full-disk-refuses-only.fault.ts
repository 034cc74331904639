/** A node's disk is full, the primary's or standbys': ballots are refused or wait, none is lost, and it goes on after. */
import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { switchSegment } from "./cluster/statements.ts";
import { fill, mount, unmount, whyNoDisks } from "./disk.ts";
import type { Fault } from "./fault.ts";

const DISK_MEGABYTES = 400;

export const fullDisk: Fault = {
  name: "full-disk-refuses-only",
  impossible: whyNoDisks,
  cluster: {
    /** Each node on a small file system of its own, in memory. */
    prepareNode(opened, folder) {
      mount(folder, DISK_MEGABYTES);
      opened.defer(() => unmount(folder));
    },
    // No segment is kept for use again: a full disk is felt at once. What standbys need that were full is kept.
    settings: { max_wal_size: "64MB", min_wal_size: "32MB", wal_keep_size: "128MB", wal_recycle: "off" },
  },
  async run(stage) {
    const { cluster, random, voters } = stage;
    const { leader, standbys } = cluster.supervisor;
    const full = random.one([[leader], [random.one(standbys)], standbys]);
    const fillers = full.map(({ name, dataFolder }) => {
      stage.event(`${name}'s disk is full`);
      return fill(dirname(dataFolder));
    });
    for (let switches = random.whole(2, 5); switches > 0; switches--) {
      // Each new segment needs room; a primary that finds none crashes.
      await cluster.at(leader, switchSegment).catch(() => undefined);
      await stage.lasts(random.whole(100, 600));
    }
    stage.event("there is room again");
    for (const filler of fillers) rmSync(filler);
    for (const node of full) await cluster.untilUp(node);
    await voters.acknowledge(30);
  },
};
