/** `urna replay`: casts the cast vote records of a real election over HTTP. */
import { Command, Option } from "commander";
import { Administration, CallFailed } from "../client/administration.ts";
import type { ContestRequest } from "../client/contract.ts";
import { Patience } from "../client/patience.ts";
import type { ContestAnswer } from "../election/answers.ts";
import { wholeNumber } from "../runtime/options.ts";
import { type RecordColumns, readVoteRecords } from "./cast-vote-records.ts";
import { CommandFailed } from "./failure.ts";
import { Progress, thousands } from "./progress.ts";
import { BallotReader, namesOf, OVERVOTE, UNDERVOTE } from "./replay-ballots.ts";
import { Journal } from "./replay-journal.ts";
import { type ReplayCounts, runReplay } from "./replay-run.ts";
import { addTargetOptions, REACH_TIMEOUT_MS, resolveTarget, type TargetOptions } from "./target.ts";

const INTERRUPTED_EXIT_CODE = 130;

type ReplayOptions = TargetOptions & {
  contest?: string;
  voter: string;
  choice: string;
  connections: number;
  giveUpAfter: number;
  journal?: string;
  allowMalformed?: boolean;
  json?: boolean;
};

export function replayCommand(): Command {
  return addTargetOptions(new Command("replay"))
    .description("cast the first choices of a file of cast vote records, one ballot a record")
    .argument("<file>", "CSV with a header, one record a line; gzipped when named .gz")
    .option("--contest <id>", "cast in this contest (default: one is created from the file)")
    .option("--voter <column>", "the column that names the voter", "ballot")
    .option("--choice <column>", "the column with the choice", "rank1")
    .addOption(
      new Option("--connections <number>", "connections to cast on")
        .env("URNA_CONNECTIONS")
        .default(256)
        .argParser(wholeNumber(1, 4096)),
    )
    .addOption(
      new Option("--give-up-after <seconds>", "end when no ballot had a final answer for so long")
        .env("URNA_GIVE_UP_AFTER")
        .default(60)
        .argParser(wholeNumber(1, 86_400)),
    )
    .option("--journal <file>", "keep every answer here, and compare with those that are here already")
    .option("--allow-malformed", "do not fail because of malformed rows")
    .option("--json", "print JSON, for machines")
    .addHelpText("after", help)
    .action(replay);
}

const help = `
A choice "${UNDERVOTE}" is cast as a blank ballot, "${OVERVOTE}" as two selections, which a server refuses. Casting the same
file again is safe: what was recorded before is answered with its first receipt. A replay that was interrupted
goes on where it ended when it is run again.

Exit status: 0 every ballot has its answer, 1 failed, a row is malformed, or a valid ballot is refused, 2 used wrongly, ${INTERRUPTED_EXIT_CODE} interrupted.

Examples:
  urna replay examples/minneapolis-2013-mayor/ballots.csv.gz
  urna replay records.csv --contest mayor --voter id --choice first --journal answers.ndjson`;

async function replay(file: string, options: ReplayOptions): Promise<void> {
  const stop = stopOnSignal();
  const patience = new Patience(options.giveUpAfter * 1000, stop);
  const target = resolveTarget(options);
  const urna = new Administration(target, patience);
  const columns = { voter: options.voter, choice: options.choice };
  const { records, titles } = await surveyFile(file, columns);
  const journal = options.journal === undefined ? null : Journal.open(options.journal);
  await urna.reach(REACH_TIMEOUT_MS);
  const contest =
    options.contest === undefined
      ? await createContest(urna, file, titles)
      : await urna.contest(options.contest);
  const progress = new Progress("casting", records, "ballots");
  const startedAtMs = performance.now();
  let answered = 0;
  try {
    const counts = await runReplay({
      url: target.url,
      urna,
      election: contest.election,
      contest: contest.id,
      records: readVoteRecords(file, columns),
      ballots: new BallotReader(namesOf(file).voterPrefix, contest.options),
      connections: options.connections,
      patience,
      stop,
      journal,
      report: (row, words) => progress.note(`${file}, row ${row}: ${words}`),
      progress: (ballotsAnswered) => {
        answered = ballotsAnswered;
        progress.update(ballotsAnswered);
      },
    });
    progress.finish(answered);
    conclude(counts, { options, contest, answered, seconds: (performance.now() - startedAtMs) / 1000, stop });
  } catch (error) {
    if (!(error instanceof CallFailed)) throw error;
    throw new CommandFailed(`${error.message} Running the replay again resumes it.`);
  } finally {
    journal?.close();
  }
}

/** The first signal ends the replay after the ballots in flight, the second one at once. */
function stopOnSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  return stop.signal;
}

/** How many records there are, for the progress, and the options' titles in the order of their first appearance. */
async function surveyFile(
  file: string,
  columns: RecordColumns,
): Promise<{ records: number; titles: string[] }> {
  const titles = new Set<string>();
  let records = 0;
  let firstFault = "";
  for await (const rows of readVoteRecords(file, columns)) {
    for (const row of rows) {
      if ("fault" in row) {
        firstFault ||= `; row ${row.row}: ${row.fault}`;
        continue;
      }
      records++;
      if (row.choice !== UNDERVOTE && row.choice !== OVERVOTE) titles.add(row.choice);
    }
  }
  if (records === 0) throw new CommandFailed(`${file} has no record that could be cast${firstFault}`);
  return { records, titles: [...titles] };
}

/** The same election and contest at every run, opened unless it has been opened before. */
async function createContest(urna: Administration, file: string, titles: string[]): Promise<ContestAnswer> {
  const names = namesOf(file);
  const election = await urna.createElection({ id: names.election, title: `Replay of ${names.election}` });
  const request: ContestRequest = {
    id: names.contest,
    title: `Replay of ${names.contest}`,
    method: "single-choice",
    options: titles,
    allowBlank: true,
  };
  const contest = await urna.createContest(election.id, request).catch((error) => {
    if (!(error instanceof CallFailed && error.code === "id_taken")) throw error;
    throw new CommandFailed(
      `contest ${names.contest} exists with other options than this file's; ` +
        `to cast in it, say --contest ${names.contest}`,
    );
  });
  return contest.state === "draft" || contest.state === "scheduled" ? urna.open(contest.id) : contest;
}

type Run = {
  options: ReplayOptions;
  contest: ContestAnswer;
  answered: number;
  seconds: number;
  stop: AbortSignal;
};

/** Prints the summary and sets the exit status. */
function conclude(counts: ReplayCounts, run: Run): void {
  const { options, contest, answered, seconds, stop } = run;
  const ballotsPerSecond = Math.round(answered / seconds);
  if (options.json) {
    const rounded = Number(seconds.toFixed(3));
    console.log(JSON.stringify({ contest: contest.id, ...counts, seconds: rounded, ballotsPerSecond }));
  } else {
    console.log(summaryLines(counts).join("\n"));
    console.log(
      `${thousands(answered)} ballots in ${seconds.toFixed(1)} s: ${thousands(ballotsPerSecond)}/s`,
    );
    console.log(`contest ${contest.id}: see "urna election results ${contest.id}"`);
  }
  const unfinished = stop.aborted || counts.unresolved > 0;
  if (unfinished) {
    const why = stop.aborted ? "stopped" : `no final answer for ${options.giveUpAfter} s`;
    console.error(`urna: ${why}; running the replay again resumes it`);
  }
  const malformed = counts.malformed > 0 && !options.allowMalformed;
  if (unfinished || malformed || counts.unexpectedlyRefused > 0 || counts.differing > 0) process.exitCode = 1;
  if (stop.aborted) process.exitCode = INTERRUPTED_EXIT_CODE;
}

/** What there is none of is left out, except of the ballots recorded. */
function summaryLines(counts: ReplayCounts): string[] {
  const rows: [string, number][] = [
    ["recorded now", counts.recordedNow],
    ["recorded before", counts.recordedBefore],
    ["already voted", counts.alreadyVoted],
    ...Object.entries(counts.refused).map(([code, ballots]): [string, number] => [
      `refused: ${code}`,
      ballots,
    ]),
    ["malformed rows", counts.malformed],
    ["without a final answer", counts.unresolved],
    ["differing from the journal", counts.differing],
  ];
  return rows
    .filter(([words, number]) => number > 0 || words.startsWith("recorded"))
    .map(([words, number]) => `${words.padEnd(26)} ${thousands(number).padStart(12)}`);
}
