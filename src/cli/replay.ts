/** `urna replay`: casts the cast vote records of a real election over HTTP. */
import { Command, Option } from "commander";
import { Administration, CallFailed } from "../client/administration.ts";
import type { BufferingRequest, ContestRequest } from "../client/contract.ts";
import { Patience } from "../client/patience.ts";
import type { ContestAnswer } from "../election/answers.ts";
import { wholeNumber } from "../runtime/options.ts";
import { addBufferingOptions, type BufferingOptions, bufferingOfCreated } from "./buffering.ts";
import { type RecordColumns, readVoteRecords } from "./cast-vote-records.ts";
import { CommandFailed } from "./failure.ts";
import { Progress } from "./progress.ts";
import { BallotReader, namesOf, OVERVOTE, UNDERVOTE } from "./replay-ballots.ts";
import { Journal } from "./replay-journal.ts";
import { runReplay } from "./replay-run.ts";
import { concludeReplay, INTERRUPTED_EXIT_CODE } from "./replay-summary.ts";
import { addTargetOptions, REACH_TIMEOUT_MS, resolveTarget, type TargetOptions } from "./target.ts";

type ReplayOptions = TargetOptions &
  BufferingOptions & {
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
  const command = addTargetOptions(new Command("replay"))
    .description("cast the first choices of a file of cast vote records, one ballot a record")
    .argument("<file>", "CSV with a header, one record a line; gzipped when named .gz")
    .option("--contest <id>", "cast in this contest (default: one is created from the file)");
  return addBufferingOptions(command)
    .option("--voter <column>", "the column that names the voter", "ballot")
    .option("--choice <column>", "the column with the choice", "rank1")
    .addOption(
      new Option("--connections <number>", "connections to cast on")
        .env("URNA_CONNECTIONS")
        .default(256)
        .argParser(wholeNumber(1, 4096)),
    )
    .addOption(
      new Option("--give-up-after <seconds>", "end when nothing was told of any ballot for so long")
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

Ballots of a buffered contest are accepted first. When all are cast, each is asked after until it is recorded or what
else has become of it is known. Cast again it is accepted again, at another place, and counts once: as the same ballot
with --journal, which keeps its nonce, and otherwise as a duplicate.

Exit status: 0 every ballot has its answer, 1 failed, a row is malformed, a valid ballot is refused or rejected, or an accepted one is not known, 2 used wrongly, ${INTERRUPTED_EXIT_CODE} interrupted.

Examples:
  urna replay examples/minneapolis-2013-mayor/ballots.csv.gz
  urna replay examples/minneapolis-2013-mayor/ballots.csv.gz --buffered --partitions 8 --journal answers.ndjson
  urna replay records.csv --contest mayor --voter id --choice first --journal answers.ndjson`;

async function replay(file: string, options: ReplayOptions): Promise<void> {
  const buffering = bufferingOfCreated(options);
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
      ? await createContest(urna, file, titles, buffering)
      : await urna.contest(options.contest);
  let progress = new Progress("casting", records, "ballots");
  const startedAtMs = performance.now();
  let [answered, told] = [0, 0];
  let castAtMs: number | null = null;
  try {
    const counts = await runReplay({
      url: target.url,
      urna,
      election: contest.election,
      contest: contest.id,
      buffered: contest.buffered,
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
      following: (ballotsTold, accepted) => {
        if (castAtMs === null) {
          progress.finish(answered);
          progress = new Progress("following", accepted, "accepted ballots");
          castAtMs = performance.now();
        }
        told = ballotsTold;
        progress.update(told);
      },
    });
    progress.finish(castAtMs === null ? answered : told);
    const endedAtMs = performance.now();
    concludeReplay(counts, {
      ...{ options, contest: contest.id, answered, stop },
      seconds: ((castAtMs ?? endedAtMs) - startedAtMs) / 1000,
      followSeconds: castAtMs === null ? null : (endedAtMs - castAtMs) / 1000,
    });
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
async function createContest(
  urna: Administration,
  file: string,
  titles: string[],
  buffering: BufferingRequest | undefined,
): Promise<ContestAnswer> {
  const names = namesOf(file);
  const asked = { id: names.election, title: `Replay of ${names.election}` };
  const election = await urna
    .createElection(buffering === undefined ? asked : { ...asked, buffering })
    .catch((error) => {
      if (!(error instanceof CallFailed && error.code === "id_taken")) throw error;
      throw new CommandFailed(
        `election ${names.election} exists otherwise than asked for, and how it is buffered can't be changed: ` +
          `say --buffered and --partitions as it was created, or --contest ${names.contest} to cast in it`,
      );
    });
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
