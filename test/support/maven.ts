/** Programs for tests that come through Maven: fetched once for a machine, and kept outside of the project's folder. */
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const FETCH_TIMEOUT_MS = 10 * 60_000;

export type Fetched = {
  /** What is fetched, for people and for the folder's name. */
  name: string;
  pom: string;
  /** Of Maven's dependency plugin, told to write into `outputDirectory`. */
  goal: string[];
  /** Makes what is needed besides, in the folder that was fetched into. Whoever changes it changes the pom. */
  complete: (folder: string) => Promise<void>;
  /** Of the environment: an address to use instead. */
  instead: string;
};

/**
 * The folder that holds it, filled now if there is none for this very pom. Filled elsewhere and renamed when complete:
 * whoever is killed leaves no half of it, and of two that fill it at once the later one takes the earlier one's.
 */
export async function fetched({ name, pom, goal, complete, instead }: Fetched): Promise<string> {
  const hash = createHash("sha256").update(readFileSync(pom)).digest("hex").slice(0, 16);
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "urna");
  const folder = join(cache, `${name}-${hash}`);
  if (existsSync(folder)) return folder;
  const making = `${folder}.making-${randomBytes(4).toString("hex")}`;
  mkdirSync(making, { recursive: true });
  try {
    const args = ["-B", "-q", "-f", pom, ...goal, `-DoutputDirectory=${making}`, "-DincludeScope=runtime"];
    await run("mvn", args, { timeout: FETCH_TIMEOUT_MS });
    await complete(making);
    renameSync(making, folder);
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    if (!existsSync(folder)) throw new Error(whatToDo(name, instead, error), { cause: error });
  }
  return folder;
}

function whatToDo(name: string, instead: string, error: unknown): string {
  const { code, syscall, path, stdout, message } = error as NodeJS.ErrnoException & { stdout?: string };
  const install =
    "apt-get install maven openjdk-17-jre-headless, or what your system calls Maven and Java 17";
  const or = `Or set ${instead} to the address of one that runs, which the tests may write to.`;
  if (code === "ENOENT" && syscall?.startsWith("spawn")) {
    return `tests need ${name}, and ${path} is not here: ${install}. ${or}`;
  }
  return `tests need ${name}, and it can't be had through Maven: ${stdout || message}. ${or}`;
}
