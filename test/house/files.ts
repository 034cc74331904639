/** The project's own files, as the house's tests read them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const ROOT = join(import.meta.dir, "../..");

/** Files that git knows or would add, by their path. */
export const FILES = new Map(
  Bun.spawnSync(["git", "ls-files", "--cached", "--others", "--exclude-standard"], { cwd: ROOT })
    .stdout.toString()
    .split("\n")
    .filter((path) => path !== "" && Bun.file(join(ROOT, path)).size > 0)
    .map((path) => [path, readFileSync(join(ROOT, path), "utf8")] as const),
);

/** Those whose path matches, with their text. */
export const sources = (pattern: RegExp) => [...FILES].filter(([path]) => pattern.test(path));
