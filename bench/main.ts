/** `npm run bench`: every measurement in one run, each beside its baselines; tables, JSON, or a page of charts. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpus, totalmem } from "node:os";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { type Measured, pageOf, writePage } from "./page.ts";
import type { Report } from "./report.ts";

const USAGE = `npm run bench -- [--only NAME]... [--long] [--quick] [--json] [--write]

  --only NAME  only this measurement; may be said several times
  --long       those too that take half an hour or longer
  --quick      few and short samples: whether it works, not what it can do
  --json       print JSON, for machines
  --write      write docs/performance/: the tables, and their charts; what was not measured now stays as it is there

Run it while nothing else does. Measurements:`;

type Measurement = {
  name: string;
  about: string;
  script: string;
  quick: readonly string[];
  isLong?: true;
};

const MEASUREMENTS: readonly Measurement[] = [
  {
    name: "casting",
    about: "a ballot over HTTP, beside an empty handler and two naive servers",
    script: "bench/casting.ts",
    quick: ["--connections", "256", "--rounds", "2", "--seconds", "1"],
  },
  {
    name: "ledger",
    about: "recording, beside binary COPY of the same rows",
    script: "bench/ledger.ts",
    quick: ["--batches", "2000", "--lanes", "2", "--rounds", "2", "--ballots", "20000"],
  },
  {
    name: "growth",
    about: "recording into a contest of a hundred million, beside one of a million (long)",
    script: "bench/growth.ts",
    quick: ["--millions", "1,2", "--rounds", "2", "--ballots", "20000"],
    isLong: true,
  },
  {
    name: "buffered",
    about: "accepting into Kafka and draining, beside the direct path and an empty handler",
    script: "bench/buffered.ts",
    quick: ["--seconds", "1", "--connections", "64", "--rounds", "1"],
  },
  {
    name: "results",
    about: "from a voter's answer until viewers see it, with 1,000 and 10,000 of them",
    script: "bench/results.ts",
    quick: ["--viewers", "100,1000", "--seconds", "2", "--rounds", "1"],
  },
  {
    name: "attacks",
    about: "repeats, forged tokens and bodies that are no ballots, beside ballots alone",
    script: "bench/attacks.ts",
    quick: ["--seconds", "1", "--rounds", "2", "--shares", "99"],
  },
];

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    long: { type: "boolean", default: false },
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
if (values.write && values.quick) {
  console.error("--quick measures nothing that is worth writing down: leave out one of --quick and --write");
  process.exit(2);
}
const chosen = MEASUREMENTS.filter(
  ({ name, isLong }) => values.only?.includes(name) ?? (values.long || isLong === undefined),
);

const measured: Measured[] = [];
for (const [i, measurement] of chosen.entries()) {
  console.error(`${i + 1} of ${chosen.length}: ${measurement.name}, ${measurement.about}`);
  measured.push({ name: measurement.name, ...(await where()), reports: await run(measurement) });
  if (values.write) writePage(measured, order());
  if (!values.json) console.log(`${pageOf(measured.slice(-1))}\n`);
}
if (values.json) console.log(JSON.stringify(measured));

function order(): string[] {
  return MEASUREMENTS.map(({ name }) => name);
}

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

async function where(): Promise<Pick<Measured, "measuredOn" | "commit" | "machine">> {
  const [first] = cpus();
  const gigabytes = Math.round(totalmem() / 1024 ** 3);
  return {
    measuredOn: new Date().toISOString().slice(0, 10),
    commit: await commit(),
    machine: `${cpus().length} × ${first!.model.trim()}, ${gigabytes} GB, ${process.platform}, Bun ${Bun.version}`,
  };
}

/** That of the code: this very run may have written documents. */
async function commit(): Promise<string> {
  const changed = await output("git", ["status", "--porcelain", "src", "bench", "package-lock.json"]);
  return `${await output("git", ["rev-parse", "--short", "HEAD"])}${changed === "" ? "" : "-dirty"}`;
}
