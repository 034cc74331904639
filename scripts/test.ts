/**
 * Runs the test suite, in two parts beside each other (or the files named on the command line, in one), and ends with the
 * line `N passed, N failed`, whatever happened. Exits 1 when a test failed or when none ran.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { kafkaFiles } from "../test/support/kafka/files.ts";
import { redisProgram } from "../test/support/redis/server.ts";

/**
 * What loads brokers, takes both of two cores, and half of the time: never two of these at once. The others wait more than
 * they work, and have time beside it.
 */
const HEAVY = [
  "test/faults/buffered.test.ts",
  "test/faults/own-clusters.test.ts",
  "test/kafka/",
  "test/support/kafka/",
  "test/system/buffered.test.ts",
  "test/system/contests-ahead.test.ts",
  "test/system/minneapolis-buffered.test.ts",
];

type Counts = { passed: number; failed: number };

const folder = mkdtempSync(join(tmpdir(), "urna-test-report-"));
const named = process.argv.slice(2);

// Ahead of the tests, whose time is bounded. What can't be had is told by the tests that need it.
await Promise.allSettled([kafkaFiles(), redisProgram()]);

const parts = named.length > 0 ? [named] : everything();
const counts = await Promise.all(parts.map(run));
rmSync(folder, { recursive: true });

const sum = (of: (counts: Counts) => number) => counts.reduce((total, each) => total + of(each), 0);
const [passed, failed] = [sum((each) => each.passed), sum((each) => each.failed)];
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);

function everything(): string[][] {
  const files = readdirSync("test", { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".test.ts"))
    .map((path) => join("test", path));
  const { heavy = [], light = [] } = Object.groupBy(files, (file) =>
    HEAVY.some((prefix) => file.startsWith(prefix)) ? "heavy" : "light",
  );
  return [heavy, light];
}

/** One of several prints its lines behind its number, and takes ports that the others leave to it. */
async function run(files: string[], part: number, { length }: string[][]): Promise<Counts> {
  const report = join(folder, `${part}.xml`);
  const isAlone = length === 1;
  const child = spawn(
    process.execPath,
    ["test", "--timeout=60000", "--reporter=junit", `--reporter-outfile=${report}`, ...files],
    {
      stdio: isAlone ? "inherit" : ["ignore", "pipe", "pipe"],
      env: { ...process.env, URNA_TEST_PORTS: `${part}/${length}` },
    },
  );
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  const [[status]] = await Promise.all([
    once(child, "close"),
    ...[child.stdout, child.stderr].map((lines) => lines && print(`${part + 1}| `, lines)),
  ]);
  const { passed, failed } = countsOf(report);
  // A crash outside any test (an unhandled rejection, a file that does not load) is a failure that no test carries.
  return { passed, failed: status !== 0 && failed === 0 ? 1 : failed };
}

async function print(prefix: string, lines: Readable): Promise<void> {
  for await (const line of createInterface({ input: lines })) console.log(prefix + line);
}

/** The counts of the report's root element; a run that died before writing one counts as one failure. */
function countsOf(report: string): Counts {
  let xml: string;
  try {
    xml = readFileSync(report, "utf8");
  } catch {
    return { passed: 0, failed: 1 };
  }
  const root = /<testsuites[^>]*>/.exec(xml)?.[0] ?? "";
  const count = (name: string) => Number(new RegExp(`\\s${name}="(\\d+)"`).exec(root)?.[1] ?? 0);
  const failed = count("failures") + count("errors");
  return { passed: count("tests") - failed - count("skipped"), failed };
}
