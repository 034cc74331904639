/**
 * Runs the test suite (or the files named on the command line) and ends with the line
 * `N passed, N failed`, whatever happened. Exits 1 when a test failed or when none ran.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kafkaFiles } from "../test/support/kafka/files.ts";
import { redisProgram } from "../test/support/redis/server.ts";

// Ahead of the tests, whose time is bounded. What can't be had is told by the tests that need it.
await Promise.allSettled([kafkaFiles(), redisProgram()]);

const folder = mkdtempSync(join(tmpdir(), "urna-test-report-"));
const report = join(folder, "junit.xml");
const files = process.argv.slice(2);
const run = spawnSync(
  process.execPath,
  ["test", "--timeout=60000", "--reporter=junit", `--reporter-outfile=${report}`, ...files],
  { stdio: "inherit" },
);

/** The counts of the report's root element; a run that died before writing one counts as one failure. */
function counts(): { passed: number; failed: number } {
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

const { passed, failed } = counts();
rmSync(folder, { recursive: true });
// A crash outside any test (an unhandled rejection, a file that does not load) is a failure that no test carries.
const crashed = run.status !== 0 && failed === 0 ? 1 : 0;
console.log(`${passed} passed, ${failed + crashed} failed`);
process.exit(failed + crashed > 0 || passed === 0 ? 1 : 0);
