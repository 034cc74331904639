/** A node's disk is full, the primary's or standbys': ballots are refused or wait, none is lost, and it goes on after. */
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Node } from "./cluster/node.ts";
import { switchSegment } from "./cluster/statements.ts";
import type { Fault, Stage } from "./fault.ts";

const DISK_MEGABYTES = 400;

export const fullDisk: Fault = {
  name: "full-disk-refuses-only",
  impossible: whyNoDisks,
  cluster: {
    /** Each node on a small file system of its own, in memory. */
    prepareNode(opened, folder) {
      mount(folder);
      opened.defer(() => void execFileSync("umount", ["--lazy", folder]));
    },
    // No segment is kept for use again: a full disk is felt at once. What standbys need that were full is kept.
    settings: { max_wal_size: "64MB", min_wal_size: "32MB", wal_keep_size: "128MB", wal_recycle: "off" },
  },
  async run(stage) {
    const { cluster, random, voters } = stage;
    const { leader, standbys } = cluster.supervisor;
    const full = random.one([[leader], [random.one(standbys)], standbys]);
    const fillers = full.map((node) => fill(stage, node));
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

function fill(stage: Stage, node: Node): string {
  stage.event(`${node.name}'s disk is full`);
  const path = join(node.dataFolder, "..", "filler");
  const file = openSync(path, "w");
  for (let chunk = Buffer.alloc(1024 * 1024); chunk.length > 0; ) {
    try {
      writeSync(file, chunk);
    } catch {
      chunk = chunk.subarray(0, chunk.length >> 1);
    }
  }
  closeSync(file);
  return path;
}

function mount(folder: string): void {
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_MEGABYTES}m`, "tmpfs", folder]);
}

function whyNoDisks(): string | null {
  if (process.platform !== "linux" || process.getuid?.() !== 0)
    return "small file systems are mounted by root alone";
  const folder = mkdtempSync(join(tmpdir(), "urna-mount-"));
  try {
    const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]);
    if (status !== 0) return `no file system can be mounted here: ${stderr}`.trim();
    execFileSync("umount", [folder]);
    return null;
  } finally {
    rmdirSync(folder);
  }
}
