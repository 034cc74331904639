/** `urna load`: generates load, and counts only ballots that are distinct and durable. */
import { randomBytes } from "node:crypto";
import { Command, Option } from "commander";
import { Administration } from "../client/administration.ts";
import type { BufferingRequest } from "../client/contract.ts";
import { LoadGenerator, type Measurement } from "../client/load-generator.ts";
import { measureLoad } from "../client/load-measurement.ts";
import { Patience } from "../client/patience.ts";
import { TokenStock } from "../client/token-stock.ts";
import type { ContestAnswer } from "../election/answers.ts";
import { VOTERS_PER_CALL_MAX } from "../election/election.ts";
import { wholeNumber } from "../runtime/options.ts";
import { addBufferingOptions, type BufferingOptions, bufferingOfCreated } from "./buffering.ts";
import { CommandFailed } from "./failure.ts";
import { durableIn, type LoadFigures, loadFigures, renderFigures, renderSecond } from "./load-figures.ts";
import { Progress } from "./progress.ts";
import { addTargetOptions, REACH_TIMEOUT_MS, resolveTarget, type TargetOptions } from "./target.ts";
import { TurnoutWatch } from "./turnout-watch.ts";

const OPTIONS = ["Alma", "Brisa", "Cielo", "Duna", "Estela"];
const OPTIONS_MAX = 9;
const MINT_GIVE_UP_AFTER_MS = 30_000;

type LoadOptions = TargetOptions &
  BufferingOptions & {
    contest?: string;
    connections: number;
    seconds: number;
    rate?: number;
    json?: boolean;
  };

export function loadCommand(): Command {
  const command = addTargetOptions(new Command("load"))
    .description("cast ballots of distinct voters as fast as they are answered, and measure")
    .option("--contest <id>", "cast in this open contest (default: one is created)");
  return addBufferingOptions(command)
    .addOption(
      new Option("--connections <number>", "connections to cast on")
        .env("URNA_CONNECTIONS")
        .default(256)
        .argParser(wholeNumber(1, 16_384)),
    )
    .addOption(
      new Option("--seconds <seconds>", "how long to measure")
        .env("URNA_SECONDS")
        .default(10)
        .argParser(wholeNumber(1, 86_400)),
    )
    .addOption(
      new Option(
        "--rate <ballots>",
        "ballots a second, whatever the answers do (default: as fast as answers come)",
      )
        .env("URNA_RATE")
        .argParser(wholeNumber(1, 1_000_000)),
    )
    .option("--json", "print JSON, for machines")
    .addHelpText("after", help)
    .action(load);
}

const help = `
Voter tokens are minted before the clock starts, or while it stands still. A ballot counts when its answer is 201 and
its receipt names a place in the ledger that no other receipt names. At the end the contest's turnout must have grown
by exactly the ballots counted; nobody else may vote in it meanwhile.

In a buffered contest a ballot counts when its answer is 202 and its receipt names a place in the log that no other
receipt names. At the end the turnout is waited for for as long as it grows; how far it is behind is printed.

Exit status: 0 measured, 1 failed, or ballots could not be sent, are of unknown outcome, or do not add up, 2 used wrongly.

Examples:
  urna load
  urna load --connections 1000 --seconds 60 --rate 5000 --json
  urna load --buffered --partitions 8`;

async function load(options: LoadOptions): Promise<void> {
  const buffering = bufferingOfCreated(options);
  const target = resolveTarget(options);
  const urna = new Administration(target, new Patience(MINT_GIVE_UP_AFTER_MS));
  await urna.reach(REACH_TIMEOUT_MS);
  const run = randomBytes(6).toString("hex");
  const contest =
    options.contest === undefined
      ? await createContest(urna, run, buffering)
      : await openContest(urna, options.contest);
  const turnout = await TurnoutWatch.start(target, contest);
  const generator = new LoadGenerator({
    url: target.url,
    contest: contest.id,
    options: Math.min(contest.options.length, OPTIONS_MAX),
    connections: options.connections,
    ratePerSecond: options.rate ?? null,
    evidence: contest.buffered ? "accepted" : "recorded",
  });
  let minted = 0;
  const mint = async (tokens: number) => {
    turnout.stopClock();
    const stock = await mintStock(urna, contest.election, tokens, (voter) => `load-${run}-${minted + voter}`);
    minted += tokens;
    return stock;
  };
  const load = await measureLoad(
    generator,
    options.seconds * 1000,
    options.rate ?? null,
    mint,
    secondPrinter(turnout),
  );
  generator.close();
  const { growth, recording } = await turnout.settle(durableIn(load));
  conclude(options, contest, loadFigures(load, growth, recording));
}

async function openContest(urna: Administration, id: string): Promise<ContestAnswer> {
  const contest = await urna.contest(id);
  if (contest.state === "open" && !contest.paused) return contest;
  throw new CommandFailed(
    `contest ${id} takes no ballots: it is ${contest.paused ? "paused" : contest.state}`,
  );
}

async function createContest(
  urna: Administration,
  run: string,
  buffering: BufferingRequest | undefined,
): Promise<ContestAnswer> {
  const asked = { id: `load-${run}`, title: `Load ${run}` };
  const election = await urna.createElection(buffering === undefined ? asked : { ...asked, buffering });
  const contest = await urna.createContest(election.id, {
    id: `load-${run}`,
    title: `Load ${run}`,
    method: "single-choice",
    options: OPTIONS,
    allowBlank: false,
  });
  return urna.open(contest.id);
}

async function mintStock(
  urna: Administration,
  election: string,
  tokens: number,
  voterOf: (number: number) => string,
): Promise<TokenStock> {
  const stock = new TokenStock();
  const progress = new Progress("minting", tokens, "tokens");
  for (let minted = 0; minted < tokens; minted += VOTERS_PER_CALL_MAX) {
    const voters = Array.from({ length: Math.min(VOTERS_PER_CALL_MAX, tokens - minted) }, (_, i) => {
      return voterOf(minted + i);
    });
    stock.add(await urna.mintVoterTokens(election, voters));
    progress.update(minted);
  }
  progress.finish(tokens);
  return stock;
}

/** A line a second: what became durable in it. */
function secondPrinter(turnout: TurnoutWatch): (measured: Measurement) => void {
  let second = 0;
  let before = 0;
  return (measured) => {
    console.error(renderSecond(++second, measured.durable - before, measured) + turnout.words());
    before = measured.durable;
    turnout.sample();
  };
}

function conclude(options: LoadOptions, contest: ContestAnswer, figures: LoadFigures): void {
  if (options.json) console.log(JSON.stringify({ contest: contest.id, ...figures }));
  else console.log(renderFigures(contest.id, figures));
  if (figures.fault !== null) throw new CommandFailed(figures.fault);
}
