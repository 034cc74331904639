/** The machine's C compiler: what is loaded into PostgreSQL must be built for the machine's own C library. */
import { spawnSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { join } from "node:path";

const COMPILERS = [process.env.CC, "cc", "gcc", "clang"].filter((name) => name !== undefined && name !== "");
const LIBRARY = ["-shared", "-fPIC"];

/** Compiles a file of this folder into `output`, which every user may then read. Throws where there is no compiler. */
export function compile(source: string, output: string, kind: "library" | "program"): void {
  if (process.platform !== "linux") throw new Error("power loss can be simulated on Linux alone");
  const flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", ...(kind === "library" ? LIBRARY : [])];
  const run = spawnSync(compiler(), [...flags, "-o", output, join(import.meta.dir, source), "-ldl"], {
    encoding: "utf8",
  });
  if (run.status !== 0) throw new Error(`${source} does not compile:\n${run.stderr}`);
  chmodSync(output, 0o755);
}

function compiler(): string {
  const found = COMPILERS.find((name) => spawnSync(name!, ["--version"]).status === 0);
  if (found !== undefined) return found;
  throw new Error(
    `the tests of power loss need a C compiler, and none of ${COMPILERS.join(", ")} runs; install one ` +
      "(Debian and Ubuntu: apt-get install gcc libc6-dev), or set CC to yours",
  );
}
