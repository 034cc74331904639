/**
 * Runs the faults: real clusters that are loaded, killed, frozen, cut apart and misconfigured, and judged. Exits 1 when
 * a ballot was lost or doubled, when anything else was found, when service was back late after a failover, or when a control
 * lost nothing.
 */
import { parseArgs } from "node:util";
import { FAULTS } from "../test/faults/faults.ts";
import { isClean, runSuite } from "../test/faults/suite.ts";
import { figuresOf, renderSuite } from "../test/faults/table.ts";

const USAGE = `npm run test:faults -- [--seeds K] [--seed N] [--only NAME] [--json]

  --seeds K    run each fault under K seeds (20; 1 with --seed)
  --seed N     begin with seed N (1): the same seed is the same schedule of faults
  --only NAME  only faults that have NAME in their name
  --json       print JSON, for machines

${FAULTS.map(({ name }) => `  ${name}`).join("\n")}`;

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value < 2 ** 32) return value;
  console.error(`--${name} must be a whole number from 1\n\n${USAGE}`);
  process.exit(2);
}

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    only: { type: "string" },
    json: { type: "boolean" },
    help: { type: "boolean" },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
const first = wholeNumber("seed", values.seed ?? "1");
const count = wholeNumber("seeds", values.seeds ?? (values.seed === undefined ? "20" : "1"));
const faults = FAULTS.filter(({ name }) => name.includes(values.only ?? ""));
if (faults.length === 0) {
  console.error(`no fault has ${values.only} in its name\n\n${USAGE}`);
  process.exit(2);
}

const stopped = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    console.error("stopping after this seed; again to stop at once");
    stopped.abort();
  });
}
console.error(`${faults.length} faults, seeds ${first} to ${first + count - 1}`);
const report = await runSuite({
  faults,
  seeds: Array.from({ length: count }, (_, i) => first + i),
  onProgress: (line) => console.error(line),
  stopped: stopped.signal,
});
const clean = isClean(report);
if (values.json) {
  const figures = report.faults.map(figuresOf);
  console.log(
    JSON.stringify({ clean, firstSeed: first, seeds: count, faults: figures, closing: report.closing }),
  );
} else console.log(renderSuite(report, clean));
process.exit(clean ? 0 : 1);
