/** Small disks for processes under test, in memory: they can be filled, and emptied again. */
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmdirSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A file system of its own in that folder; {@link unmount} takes it away, with all that is in it. */
export function mount(folder: string, megabytes: number): void {
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", folder]);
}

export function unmount(folder: string): void {
  execFileSync("umount", ["--lazy", folder]);
}

/** Fills the disk that the folder is on; returns the file that is to be removed. */
export function fill(folder: string): string {
  const path = join(folder, "filler");
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

export function whyNoDisks(): string | null {
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
