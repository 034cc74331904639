/** `urna plan`: how many of what a vote takes, with every formula. */
import { Command, InvalidArgumentError, Option } from "commander";
import { type Figures, figures as figuresShape } from "../planning/figures.ts";
import { MEASURED } from "../planning/measured.ts";
import { NoPlanError, type Plan, planOf } from "../planning/plan.ts";
import { connectionsMax } from "../roles/connections.ts";
import { wholeNumber } from "../runtime/options.ts";
import { shapeFault } from "../runtime/shape-fault.ts";
import { CommandFailed, EXIT_HELP } from "./failure.ts";
import { addNeeded } from "./needed.ts";
import { thousands } from "./progress.ts";
import { readText } from "./read-file.ts";

type PlanOptions = {
  rps: number;
  voters: number;
  path: "direct" | "buffered" | "auto";
  margin: number;
  cores: number;
  ballotBytes?: number;
  figures?: string;
  json?: boolean;
};

const MARGIN_MAX = 100;

export function planCommand(): Command {
  const rps = new Option("--rps <ballots>", "ballots a second at the peak").argParser(wholeNumber(1, 1e8));
  const voters = new Option("--voters <voters>", "who may vote, once each").argParser(wholeNumber(1, 1e10));
  return addNeeded(addNeeded(new Command("plan"), rps), voters)
    .description(
      "how many gateways, recorders, ledgers, brokers, how much disk and network a vote takes, and why",
    )
    .addOption(
      new Option("--path <path>", "how ballots reach a ledger; auto: directly where one primary is enough")
        .choices(["auto", "direct", "buffered"])
        .default("auto"),
    )
    .addOption(
      new Option("--margin <times>", "how many times the peak to plan for").default(1.5).argParser(margin),
    )
    .addOption(
      new Option("--cores <number>", "cores of one broker's server")
        .default(8)
        .argParser(wholeNumber(1, 1024)),
    )
    .addOption(
      new Option(
        "--ballot-bytes <bytes>",
        "what a ballot takes of a ledger's disk (default: the figures')",
      ).argParser(wholeNumber(1, 1e6)),
    )
    .option(
      "--figures <file>",
      "figures of machines like yours (default: those of the machine that Urna is made on)",
    )
    .option("--json", "print JSON, for machines")
    .addHelpText("after", help)
    .action(plan);
}

const help = `
A plan is as good as its figures. In a clone, on a machine like yours: bun bench/buffered.ts --figures figures.json
docs/operations/capacity.md says what scales with what.

${EXIT_HELP}

Examples:
  urna plan --rps 250000 --voters 300000000
  urna plan --rps 4000 --voters 2000000 --path direct --figures figures.json --json`;

function margin(text: string): number {
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && value >= 1 && value <= MARGIN_MAX) return value;
  throw new InvalidArgumentError(`It must be a number from 1 to ${MARGIN_MAX}, like 1.5.`);
}

function plan({ json, figures: file, ballotBytes, ...request }: PlanOptions): void {
  const read = file === undefined ? MEASURED : readFigures(file);
  const figures = ballotBytes === undefined ? read : { ...read, ballotBytes };
  try {
    const made = planOf({ ...request, figures, connectionsMax });
    if (json) console.log(JSON.stringify({ ...request, ...made, figures }));
    else console.log(render(made, request, figures, file === undefined));
  } catch (error) {
    if (error instanceof NoPlanError) throw new CommandFailed(error.message);
    throw error;
  }
}

function readFigures(file: string): Figures {
  let json: unknown;
  try {
    json = JSON.parse(readText(file));
  } catch (error) {
    if (error instanceof SyntaxError) throw new CommandFailed(`${file} is not JSON`);
    throw error;
  }
  const read = figuresShape.safeParse(json, { error: shapeFault });
  if (read.success) return read.data;
  const faults = read.error.issues.map(
    ({ path, message }) => `${file}: ${path.join(".") || "the file"}: ${message}`,
  );
  throw new CommandFailed(faults.join("\n"));
}

function render(
  { path, why, lines }: Plan,
  { rps, voters, margin: times }: Pick<PlanOptions, "rps" | "voters" | "margin">,
  { machine, measuredOn, measuredBy }: Figures,
  isDefault: boolean,
): string {
  const width = Math.max(...lines.map(({ amount }) => amount.length));
  const rows = lines.flatMap(({ amount, what, formula }) => [
    `${amount.padStart(width)}  ${what}`,
    `${" ".repeat(width)}  └ ${formula}`,
  ]);
  const whose = isDefault ? "NOT YOUR MACHINES' FIGURES, but those of" : "Figures of";
  return [
    `${thousands(rps)} ballots/s at the peak, ${thousands(voters)} voters, ${times} times that to be safe: the ${path} path`,
    `(${why})`,
    "",
    ...rows,
    "",
    `${whose} ${machine}, ${measuredOn}, by ${measuredBy}`,
  ].join("\n");
}
