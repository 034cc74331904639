/** The machine's C compiler: what is loaded into PostgreSQL must be built for the machine's own C library. */
import { spawnSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { join } from "node:path";

const COMPILERS = [process.env.CC, "cc", "gcc", "clang"].filter((name): name is string => Boolean(name));
const LIBRARY = ["-shared", "-fPIC"];

/** What keeps the shim from being built here, and how to mend it; null when nothing does. */
export function compilerFault(): string | null {
  if (process.platform !== "linux") return "power loss can be simulated on Linux alone";
  if (compiler() !== undefined) return null;
  return (
    `the tests of power loss need a C compiler, and none of ${COMPILERS.join(", ")} runs; install one ` +
    "(Debian and Ubuntu: apt-get install gcc libc6-dev), or set CC to yours"
  );
}

/** Compiles a file of this folder into `output`, which every user may then read. Throws where there is no compiler. */
export function compile(source: string, output: string, kind: "library" | "program"): void {
  const fault = compilerFault();
  if (fault !== null) throw new Error(fault);
  const flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", ...(kind === "library" ? LIBRARY : [])];
  const run = spawnSync(compiler()!, [...flags, "-o", output, join(import.meta.dir, source), "-ldl"], {
    encoding: "utf8",
  });
  if (run.status !== 0) throw new Error(`${source} does not compile:\n${run.stderr}`);
  chmodSync(output, 0o755);
}

/** It must build, not only be there: a compiler may come without the C library's headers. */
function compiler(): string | undefined {
  const input = "#include <dlfcn.h>\nint main(void) { return 0; }\n";
  return COMPILERS.find(
    (name) => spawnSync(name, ["-x", "c", "-", "-o", "/dev/null", "-ldl"], { input }).status === 0,
  );
}
