/** `urna load`: generates load, and counts only ballots that are distinct and durable. */
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { Command, Option } from "commander";
import { Administration, CallFailed, type Target } from "../client/administration.ts";
import { LoadGenerator, type Measurement } from "../client/load-generator.ts";
import { type LoadMeasurement, measureLoad } from "../client/load-measurement.ts";
import { Patience } from "../client/patience.ts";
import { TokenStock } from "../client/token-stock.ts";
import type { ContestAnswer } from "../election/answers.ts";
import { VOTERS_PER_CALL_MAX } from "../election/election.ts";
import { wholeNumber } from "../runtime/options.ts";
import { CommandFailed } from "./failure.ts";
import { type LoadFigures, loadFigures, renderFigures, renderSecond } from "./load-figures.ts";
import { Progress } from "./progress.ts";
import { addTargetOptions, REACH_TIMEOUT_MS, resolveTarget, type TargetOptions } from "./target.ts";

const OPTIONS = ["Alma", "Brisa", "Cielo", "Duna", "Estela"];
const OPTIONS_MAX = 9;
const MINT_GIVE_UP_AFTER_MS = 30_000;
/** Results follow the ledger within half a second; on a machine under load it may take much longer. */
const RESULTS_DELAY_MS = 500;
const TURNOUT_WAIT_MS = 15_000;
const TURNOUT_GIVE_UP_AFTER_MS = 5_000;
const TURNOUT_POLL_MS = 100;

type LoadOptions = TargetOptions & {
  contest?: string;
  connections: number;
  seconds: number;
  rate?: number;
  json?: boolean;
};

export function loadCommand(): Command {
  return addTargetOptions(new Command("load"))
    .description("cast ballots of distinct voters as fast as they are answered, and measure")
    .option("--contest <id>", "cast in this open contest (default: one is created)")
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

Exit status: 0 measured, 1 failed, or ballots could not be sent, are of unknown outcome, or do not add up, 2 used wrongly.

Examples:
  urna load
  urna load --connections 1000 --seconds 60 --rate 5000 --json`;

async function load(options: LoadOptions): Promise<void> {
  const target = resolveTarget(options);
  const urna = new Administration(target, new Patience(MINT_GIVE_UP_AFTER_MS));
  await urna.reach(REACH_TIMEOUT_MS);
  const run = randomBytes(6).toString("hex");
  const contest =
    options.contest === undefined ? await createContest(urna, run) : await openContest(urna, options.contest);
  const turnoutBefore = (await urna.results(contest.id)).turnout;
  const generator = new LoadGenerator({
    url: target.url,
    contest: contest.id,
    options: Math.min(contest.options.length, OPTIONS_MAX),
    connections: options.connections,
    ratePerSecond: options.rate ?? null,
    evidence: "receipt",
  });
  let minted = 0;
  const mint = async (tokens: number) => {
    const stock = await mintStock(urna, contest.election, tokens, (voter) => `load-${run}-${minted + voter}`);
    minted += tokens;
    return stock;
  };
  const load = await measureLoad(
    generator,
    options.seconds * 1000,
    options.rate ?? null,
    mint,
    secondPrinter(),
  );
  generator.close();
  const turnout = await settledTurnout(target, contest.id, turnoutBefore, load);
  const growth = turnout === null ? null : turnout - turnoutBefore;
  conclude(options, contest, loadFigures(load, growth));
}

async function openContest(urna: Administration, id: string): Promise<ContestAnswer> {
  const contest = await urna.contest(id);
  if (contest.state === "open" && !contest.paused) return contest;
  throw new CommandFailed(
    `contest ${id} takes no ballots: it is ${contest.paused ? "paused" : contest.state}`,
  );
}

async function createContest(urna: Administration, run: string): Promise<ContestAnswer> {
  const election = await urna.createElection({ id: `load-${run}`, title: `Load ${run}` });
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
function secondPrinter(): (measured: Measurement) => void {
  let second = 0;
  let before = 0;
  return (measured) => {
    console.error(renderSecond(++second, measured.durable - before, measured));
    before = measured.durable;
  };
}

/**
 * The turnout once it has caught up with the ballots counted and had time to go beyond them, or the last one seen. Null
 * when the server does not tell it any more: the figures are shown all the same.
 */
async function settledTurnout(
  target: Target,
  contest: string,
  before: number,
  { warmUp, measured }: LoadMeasurement,
): Promise<number | null> {
  const urna = new Administration(target, new Patience(TURNOUT_GIVE_UP_AFTER_MS));
  const durable = warmUp.durable + warmUp.durableLate + measured.durable + measured.durableLate;
  const giveUpAtMs = performance.now() + TURNOUT_WAIT_MS;
  try {
    while ((await urna.results(contest)).turnout < before + durable && performance.now() < giveUpAtMs) {
      await pause(TURNOUT_POLL_MS);
    }
    await pause(RESULTS_DELAY_MS);
    return (await urna.results(contest)).turnout;
  } catch (error) {
    if (!(error instanceof CallFailed)) throw error;
    return null;
  }
}

function conclude(options: LoadOptions, contest: ContestAnswer, figures: LoadFigures): void {
  if (options.json) console.log(JSON.stringify({ contest: contest.id, ...figures }));
  else console.log(renderFigures(contest.id, figures));
  if (figures.fault !== null) throw new CommandFailed(figures.fault);
}
