/** `urna token`: mints voter tokens, one or a file of any size. */
import { lstatSync, statSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { Command, Option } from "commander";
import { VOTER_ID_BYTES_MAX } from "../admission/voter-id.ts";
import { Administration } from "../client/administration.ts";
import { Patience } from "../client/patience.ts";
import { VOTERS_PER_CALL_MAX } from "../election/election.ts";
import { cannot } from "../runtime/file-fault.ts";
import { CommandFailed, EXIT_HELP, UsedWrongly } from "./failure.ts";
import { type Line, readLines } from "./lines.ts";
import { addNeeded } from "./needed.ts";
import { Progress, thousands } from "./progress.ts";
import { readBytes } from "./read-file.ts";
import { addTargetOptions, REACH_TIMEOUT_MS, resolveTarget, type TargetOptions } from "./target.ts";

const GIVE_UP_AFTER_MS = 60_000;

type MintOptions = TargetOptions & {
  election: string;
  voter?: string;
  voters?: string;
  out?: string;
  expiresAt?: string;
  json?: boolean;
};

export function tokenCommand(): Command {
  const election = new Option("--election <id>", "the election's id");
  const mint = addTargetOptions(addNeeded(new Command("mint"), election))
    .description("mint voter tokens for an election")
    .option("--voter <id>", "one voter: its token goes to stdout")
    .option("--voters <file>", "a file of voter ids, one a line")
    .option("--out <file>", "where to write voter<TAB>token, one a line, readable by its owner only")
    .option(
      "--expires-at <time>",
      "when the tokens expire, like 2026-05-09T21:00:00Z (default: the server's)",
    )
    .option("--json", "print JSON, for machines")
    .addHelpText("after", mintHelp)
    .action(mintTokens);
  return new Command("token").description("mint voter tokens").addCommand(mint);
}

const mintHelp = `
A line that is not a voter id (empty, not UTF-8, longer than ${VOTER_ID_BYTES_MAX} bytes, with a tab in it) is reported with its
number and left out; the exit status is then 1. The file appears under its name only when it is complete.

${EXIT_HELP}

Examples:
  urna token mint --election song --voter alice@example.org
  urna token mint --election song --voters members.txt --out tokens.tsv`;

async function mintTokens(options: MintOptions): Promise<void> {
  const { election, voter, voters, out, expiresAt, json } = options;
  if ((voter === undefined) === (voters === undefined)) throw new UsedWrongly("say --voter or --voters");
  if ((voters === undefined) !== (out === undefined)) {
    throw new UsedWrongly("--voters and --out belong together: where from, and where to");
  }
  const target = resolveTarget(options);
  if (voter !== undefined) {
    const [token] = await new Administration(target).mintVoterTokens(election, [voter], expiresAt);
    console.log(json ? JSON.stringify({ voter, token }) : token);
    return;
  }
  refuseExisting(out!);
  const progress = new Progress("minting", sizeOf(voters!), "bytes");
  const urna = new Administration(target, new Patience(GIVE_UP_AFTER_MS));
  await urna.reach(REACH_TIMEOUT_MS);
  const mint = (batch: string[]) => urna.mintVoterTokens(election, batch, expiresAt);
  const { minted, leftOut } = await mintFile(voters!, out!, mint, progress);
  if (json) console.log(JSON.stringify({ minted, leftOut, out }));
  else
    console.log(
      `${thousands(minted)} voter tokens in ${out}${leftOut > 0 ? `, ${leftOut} lines left out` : ""}`,
    );
  if (leftOut > 0) process.exitCode = 1;
}

/** Writes beside `out` and renames at the end, so that a file of that name is always complete. */
async function mintFile(
  voters: string,
  out: string,
  mint: (voters: string[]) => Promise<string[]>,
  progress: Progress,
): Promise<{ minted: number; leftOut: number }> {
  const unfinished = `${out}.unfinished`;
  const file = await openFresh(unfinished);
  try {
    const counts = await mintLines(voters, file, mint, progress);
    await file.sync();
    await rename(unfinished, out);
    return counts;
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/** Also a link that leads nowhere: renaming would replace it. */
function refuseExisting(out: string): void {
  if (lstatSync(out, { throwIfNoEntry: false }) === undefined) return;
  throw new CommandFailed(`${out} is there already: move it away, or choose another --out`);
}

function sizeOf(voters: string): number {
  try {
    const stats = statSync(voters);
    if (!stats.isDirectory()) return stats.size;
  } catch (error) {
    throw cannot("read", voters, error);
  }
  throw cannot("read", voters, { code: "EISDIR" });
}

async function openFresh(unfinished: string): Promise<FileHandle> {
  try {
    await rm(unfinished, { force: true });
    return await open(unfinished, "wx", 0o600);
  } catch (error) {
    throw cannot("write", unfinished, error);
  }
}

/** Calls of {@link VOTERS_PER_CALL_MAX}, one after the other. */
async function mintLines(
  voters: string,
  file: FileHandle,
  mint: (voters: string[]) => Promise<string[]>,
  progress: Progress,
): Promise<{ minted: number; leftOut: number }> {
  let bytesRead = 0;
  const counted = async function* () {
    for await (const bytes of readBytes(voters)) {
      bytesRead += bytes.length;
      yield bytes;
    }
  };
  let minted = 0;
  let leftOut = 0;
  let batch: string[] = [];
  const mintBatch = async () => {
    const tokens = await mint(batch);
    await file.appendFile(batch.map((voter, i) => `${voter}\t${tokens[i]}\n`).join(""));
    minted += batch.length;
    batch = [];
    progress.update(bytesRead);
  };
  for await (const lines of readLines(counted(), VOTER_ID_BYTES_MAX)) {
    for (const line of lines) {
      const fault = voterFault(line);
      if (fault !== null) {
        progress.note(`${voters}, line ${line.number}: ${fault}`);
        leftOut++;
      } else if ("text" in line) batch.push(line.text);
      if (batch.length === VOTERS_PER_CALL_MAX) await mintBatch();
    }
  }
  if (batch.length > 0) await mintBatch();
  progress.finish(bytesRead);
  return { minted, leftOut };
}

/** Why a line is not a voter's id, or null when it is. */
function voterFault(line: Line): string | null {
  if ("fault" in line) return line.fault;
  if (line.text === "") return "empty";
  return line.text.includes("\t") ? "has a tab in it" : null;
}
