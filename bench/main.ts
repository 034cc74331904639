/** `npm run bench`: every measurement in one run, each beside its baselines; tables, JSON, or a page of charts. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { svgOf } from "./chart.ts";
import { markdownOf, type Report } from "./report.ts";

const USAGE = `npm run bench -- [--only NAME]... [--quick] [--json] [--write]

  --only NAME  only this measurement; may be said several times
  --quick      few and short samples: whether it works, not what it can do
  --json       print JSON, for machines
  --write      write docs/performance/: the tables, and their charts

Run it while nothing else does. Measurements:`;

type Measurement = { name: string; about: string; script: string; quick: readonly string[] };

const MEASUREMENTS: readonly Measurement[] = [
  {
    name: "ledger",
    about: "recording, beside binary COPY of the same rows",
    script: "bench/ledger.ts",
    quick: ["--batches", "2000", "--lanes", "2", "--rounds", "2", "--ballots", "20000"],
  },
  {
    name: "casting",
    about: "a ballot over HTTP, beside an empty handler and two naive servers",
    script: "bench/casting.ts",
    quick: ["--connections", "256", "--rounds", "2", "--seconds", "1"],
  },
];
const FOLDER = "docs/performance";

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const usage = [USAGE, ...MEASUREMENTS.map(({ name, about }) => `  ${name.padEnd(11)}${about}`)].join("\n");
if (values.help) {
  console.log(usage);
  process.exit(0);
}
const unknown = values.only?.filter((name) => !MEASUREMENTS.some((each) => each.name === name)) ?? [];
if (unknown.length > 0) {
  console.error(`there is no measurement ${unknown.join(", ")}\n\n${usage}`);
  process.exit(2);
}
const chosen = MEASUREMENTS.filter(({ name }) => values.only?.includes(name) ?? true);

const measured: { name: string; reports: Report[] }[] = [];
for (const [i, measurement] of chosen.entries()) {
  console.error(`${i + 1} of ${chosen.length}: ${measurement.name}, ${measurement.about}`);
  measured.push({ name: measurement.name, reports: await run(measurement) });
}
const where = { ...machine(), commit: await output("git", ["rev-parse", "--short", "HEAD"]) };
if (values.write) writePage();
if (values.json) console.log(JSON.stringify({ ...where, measured }));
else console.log(page((report) => markdownOf(report)));

async function run({ script, quick }: Measurement): Promise<Report[]> {
  const args = [script, "--json", ...(values.quick ? quick : [])];
  return JSON.parse(await output(process.execPath, args)) as Report[];
}

async function output(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [said, [status]] = await Promise.all([text(child.stdout), once(child, "exit")]);
  if (status !== 0) throw new Error(`${[command, ...args].join(" ")} ended with ${status}`);
  return said.trim();
}

function machine() {
  const [first] = cpus();
  const gigabytes = Math.round(totalmem() / 1024 ** 3);
  return {
    measuredOn: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} × ${first!.model.trim()}, ${gigabytes} GB, ${process.platform}, Bun ${Bun.version}`,
  };
}

function page(section: (report: Report, name: string, i: number) => string): string {
  const sections = measured.flatMap(({ name, reports }) =>
    reports.map((report, i) => section(report, name, i)),
  );
  const made = `${where.measuredOn}, commit ${where.commit}, ${where.machine}; clients, servers, primary and standby all on it.`;
  const how =
    "`npm run bench -- --write` makes this page. Figures are the median of several rounds, and their range; whoever is " +
    "compared took turns, and a ratio is that of two samples of one round. Compare ratios, not figures of two runs.";
  return ["# Performance", made, how, ...sections].join("\n\n");
}

function writePage(): void {
  mkdirSync(FOLDER, { recursive: true });
  const text = page((report, name, i) => {
    const file = `${name}-${i + 1}.svg`;
    writeFileSync(join(FOLDER, file), svgOf(report.title, report.chart));
    return `${markdownOf(report)}\n\n![${report.title}](${file})`;
  });
  writeFileSync(join(FOLDER, "README.md"), `${text}\n`);
  console.error(`written: ${FOLDER}/README.md`);
}
