/** `urna election`: creates elections and contests and runs them over HTTP. */
import { setTimeout as pause } from "node:timers/promises";
import { Command, Option } from "commander";
import { Administration } from "../client/administration.ts";
import type { ElectionAnswer } from "../client/contract.ts";
import { Patience } from "../client/patience.ts";
import type { ContestAnswer } from "../election/answers.ts";
import { addBufferingOptions, type BufferingOptions, bufferingRequest } from "./buffering.ts";
import { type ElectionFile, parseElectionFile } from "./election-file.ts";
import { CommandFailed, EXIT_HELP, UsedWrongly } from "./failure.ts";
import { addNeeded } from "./needed.ts";
import { thousands } from "./progress.ts";
import { readText } from "./read-file.ts";
import { renderResults } from "./results-table.ts";
import { addTargetOptions, REACH_TIMEOUT_MS, resolveTarget, type TargetOptions } from "./target.ts";

const CLOSE_POLL_MS = 250;
const WAIT_GIVE_UP_AFTER_MS = 60_000;
const WAIT_HELP = `With --wait it ends when the result is final, whatever that takes, or when the server has not answered for
${WAIT_GIVE_UP_AFTER_MS / 1_000} s. To interrupt it harms nothing: the contest stays closed.`;

type CommonOptions = TargetOptions & { json?: boolean };

export function electionCommand(): Command {
  return new Command("election")
    .description("create elections and contests, open and close them, read their results")
    .addCommand(createCommand())
    .addCommand(contestCommand("show", "show a contest", (urna, id) => urna.contest(id)))
    .addCommand(contestCommand("open", "open a contest now", (urna, id) => urna.open(id)))
    .addCommand(closeCommand())
    .addCommand(contestCommand("pause", "take no ballots for the time being", (urna, id) => urna.pause(id)))
    .addCommand(contestCommand("resume", "take ballots again after a pause", (urna, id) => urna.resume(id)))
    .addCommand(extendCommand())
    .addCommand(voidCommand())
    .addCommand(resultsCommand());
}

type CreateOptions = CommonOptions &
  BufferingOptions & {
    file?: string;
    title?: string;
    id?: string;
    allowedOrigin?: string[];
    ledger?: string[];
    contest?: string;
    contestId?: string;
    option?: string[];
    allowBlank?: boolean;
    resultsVisible?: "live" | "final";
    opensAt?: string;
    closesAt?: string;
  };

function createCommand(): Command {
  const command = addCommonOptions(new Command("create"))
    .description("create an election and its contests, from flags or from a file")
    .option("--file <file>", "an election and its contests as YAML or JSON")
    .option("--title <title>", "the election's title")
    .option("--id <id>", "the election's id; makes it safe to create again (default: drawn)")
    .option("--allowed-origin <origin...>", "web origins whose pages may vote");
  return addBufferingOptions(command)
    .option("--ledger <name...>", "the ledgers that record them (default: the server's further ones)")
    .option("--contest <title>", "the title of its contest")
    .option("--contest-id <id>", "the contest's id; makes it safe to create again (default: drawn)")
    .option("--option <title...>", "the contest's options")
    .option("--allow-blank", "take blank ballots")
    .addOption(new Option("--results-visible <when>", "when counts may be seen").choices(["live", "final"]))
    .option("--opens-at <time>", "when it opens by itself, like 2026-05-09T20:15:00Z")
    .option("--closes-at <time>", "when it closes by itself")
    .addHelpText("after", createHelp)
    .action(create);
}

const createHelp = `
Examples:
  urna election create --title "Song contest" --contest "Best song" --option Alma Brisa Cielo --id song --contest-id song-1
  urna election create --file election.yaml

  urna election create --title Finals --id finals --buffered --partitions 64 --ledger east west

--buffered is for more votes than one PostgreSQL primary records, and for taking them while it fails over: ballots go
through Kafka, are answered 202 accepted, and are recorded a moment later. Partitions and ledgers are fixed by it.

election.yaml (ids make it safe to run again):
  title: Song contest
  id: song
  buffering: {partitions: 64, ledgers: [east, west]}    # left out: recorded directly
  contests:
    - title: Best song
      id: song-1
      options: [Alma, Brisa, Cielo]
      allowBlank: false
      closesAt: 2026-05-09T21:00:00Z

${EXIT_HELP}`;

async function create(options: CreateOptions): Promise<void> {
  const { election, contests } = described(options);
  const urna = new Administration(resolveTarget(options));
  const created = await urna.createElection(election);
  const answers: ContestAnswer[] = [];
  for (const contest of contests) answers.push(await urna.createContest(created.id, contest));
  if (options.json) return console.log(JSON.stringify({ election: created, contests: answers }));
  console.log(describeElection(created));
  for (const contest of answers) console.log(describeContest(contest));
}

function described({ file, ...options }: CreateOptions): ElectionFile {
  if (file === undefined) return fromFlags(options);
  const { url: _url, adminToken: _token, data: _data, json: _json, ...flags } = options;
  if (Object.keys(flags).length === 0) return fromFile(file);
  throw new UsedWrongly("say --file, or describe the election with flags, not both");
}

/** Goes through the file's check, so that both ways in have one set of rules. */
function fromFlags(options: CreateOptions): ElectionFile {
  const { title, id, allowedOrigin, contest, contestId, option, ...rest } = options;
  const buffering = bufferingRequest(rest, rest.ledger);
  if (title === undefined) throw new UsedWrongly("say --title for the election, or --file election.yaml");
  const { allowBlank, resultsVisible, opensAt, closesAt } = rest;
  const contestFlags = { id: contestId, options: option, allowBlank, resultsVisible, opensAt, closesAt };
  if (contest === undefined && Object.values(contestFlags).some((value) => value !== undefined)) {
    throw new UsedWrongly("say --contest for the contest's title");
  }
  if (contest !== undefined && option === undefined) {
    throw new UsedWrongly("say --option, with the titles of what can be voted for");
  }
  const contests = contest === undefined ? undefined : [{ title: contest, ...contestFlags }];
  const election = { title, id, allowedOrigins: allowedOrigin, buffering, contests };
  const parsed = parseElectionFile(JSON.stringify(election));
  if (!("faults" in parsed)) return parsed;
  throw new UsedWrongly(
    `the flags do not make an election: ${parsed.faults.map(({ text }) => text).join("; ")}`,
  );
}

function fromFile(file: string): ElectionFile {
  const parsed = parseElectionFile(readText(file));
  if (!("faults" in parsed)) return parsed;
  const faults = parsed.faults.map(
    ({ line, column, text }) => `${file}, line ${line}, column ${column}: ${text}`,
  );
  throw new CommandFailed(faults.join("\n"));
}

/** A subcommand that is one call about one contest, and shows the contest afterwards. */
function contestCommand(
  name: string,
  description: string,
  call: (urna: Administration, contest: string) => Promise<ContestAnswer>,
): Command {
  return addCommonOptions(new Command(name))
    .description(description)
    .argument("<contest>", "the contest's id")
    .addHelpText("after", example(`${name} song-1`))
    .action(async (contest: string, options: CommonOptions) => {
      showContest(await call(new Administration(resolveTarget(options)), contest), options);
    });
}

function closeCommand(): Command {
  return addCommonOptions(new Command("close"))
    .description(
      "close a contest, as soon as every gateway can know of it: some seconds from now, which is printed",
    )
    .argument("<contest>", "the contest's id")
    .option("--wait", "wait until the result is final")
    .addHelpText("after", `\n${WAIT_HELP}\n${example("close song-1 --wait")}`)
    .action(async (contest: string, options: CommonOptions & { wait?: boolean }) => {
      const patience = options.wait ? new Patience(WAIT_GIVE_UP_AFTER_MS) : null;
      const urna = new Administration(resolveTarget(options), patience);
      await urna.reach(REACH_TIMEOUT_MS);
      const closed = await urna.close(contest);
      showContest(options.wait ? await waitUntilFinal(urna, closed) : closed, options);
    });
}

/** For as long as the server answers: a contest that cannot be sealed yet is waited for; Ctrl-C harms nothing. */
async function waitUntilFinal(urna: Administration, closed: ContestAnswer): Promise<ContestAnswer> {
  const startedAtMs = performance.now();
  let shown = "";
  for (let contest = closed; ; contest = await urna.contest(closed.id)) {
    if (contest.state === "final") return contest;
    const { turnout } = await urna.results(closed.id);
    const line = `${contest.state}: ${thousands(turnout)} ballots so far`;
    if (line !== shown) console.error(`${((performance.now() - startedAtMs) / 1000).toFixed(1)} s ${line}`);
    shown = line;
    await pause(CLOSE_POLL_MS);
  }
}

function extendCommand(): Command {
  const closesAt = new Option("--closes-at <time>", "like 2026-05-09T21:00:00Z");
  return addNeeded(addCommonOptions(new Command("extend")), closesAt)
    .description("move an open contest's close to a later time")
    .argument("<contest>", "the contest's id")
    .addHelpText("after", example("extend song-1 --closes-at 2026-05-09T21:15:00Z"))
    .action(async (contest: string, options: CommonOptions & { closesAt: string }) => {
      const urna = new Administration(resolveTarget(options));
      showContest(await urna.extend(contest, options.closesAt), options);
    });
}

function voidCommand(): Command {
  return addNeeded(
    addCommonOptions(new Command("void")),
    new Option("--reason <words>", "shown to everybody"),
  )
    .description("declare a contest without effect; its ballots stay provable")
    .argument("<contest>", "the contest's id")
    .addHelpText("after", example('void song-1 --reason "Brisa withdrew"'))
    .action(async (contest: string, options: CommonOptions & { reason: string }) => {
      const urna = new Administration(resolveTarget(options));
      showContest(await urna.void(contest, options.reason), options);
    });
}

function resultsCommand(): Command {
  return addCommonOptions(new Command("results"))
    .description("show a contest's results")
    .argument("<contest>", "the contest's id")
    .addHelpText("after", example("results song-1"))
    .action(async (contest: string, options: CommonOptions) => {
      const urna = new Administration(resolveTarget(options));
      const results = await urna.results(contest);
      if (options.json) console.log(JSON.stringify(results));
      else console.log(renderResults(await urna.contest(contest), results));
    });
}

function example(words: string): string {
  return `\n${EXIT_HELP}\n\nExample:\n  urna election ${words}`;
}

function addCommonOptions(command: Command): Command {
  return addTargetOptions(command).option("--json", "print JSON, for machines");
}

function showContest(contest: ContestAnswer, { json }: CommonOptions): void {
  console.log(json ? JSON.stringify(contest) : describeContest(contest));
}

function describeElection({ id, title, buffering }: ElectionAnswer): string {
  const words = `election ${id}: ${title}`;
  if (buffering === null) return words;
  const { partitions, ledgers } = buffering;
  return `${words} (buffered: ${partitions} partitions; recorded in ${ledgers.join(", ")})`;
}

function describeContest(contest: ContestAnswer): string {
  const facts: string[] = [contest.state];
  if (contest.paused) facts.push("paused");
  if (contest.void !== null) facts.push(`void: ${contest.void.reason}`);
  if (contest.opensAt !== null) facts.push(`opens ${contest.opensAt}`);
  if (contest.closesAt !== null) facts.push(`closes ${contest.closesAt}`);
  const options = contest.options.map(({ number, title }) => `  ${number}  ${title}`);
  return [`contest ${contest.id}: ${contest.title} (${facts.join(", ")})`, ...options].join("\n");
}
