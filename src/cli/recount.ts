/** `urna recount`: every leaf, chain and tally computed again from the ballots up. */
import { Command } from "commander";
import { z } from "zod";
import type { ResultsReader } from "../auditing/compare-served.ts";
import { type RecountProgress, type RecountReport, recount } from "../auditing/recount.ts";
import { Administration, CallFailed } from "../client/administration.ts";
import { openForReading, PostgresRecountSource } from "../postgres/recount-source.ts";
import { type NamedLedger, OPTIONS } from "../runtime/options.ts";
import { CommandFailed, failureText } from "./failure.ts";
import { openFurther } from "./further-ledgers.ts";
import { Progress } from "./progress.ts";
import { renderRecount } from "./recount-table.ts";
import { readDevFile, serverAddress } from "./target.ts";

const SESSION = { applicationName: "urna recount", connectTimeoutMs: 5_000, lockTimeoutMs: 30_000 };
const EXIT_DIFFERS = 1;
const EXIT_IMPOSSIBLE = 2;

type RecountFlags = {
  contest?: string;
  databaseUrl?: string;
  ledgers: NamedLedger[];
  data: string;
  url?: string;
  json?: boolean;
};

export function recountCommand(): Command {
  return new Command("recount")
    .description("count again from the ballots up, and compare: ballots = blocks = tally = results")
    .option("--contest <id>", "count the ballots of this contest only")
    .addOption(OPTIONS.databaseUrl())
    .addOption(OPTIONS.ledgers())
    .addOption(OPTIONS.data())
    .addOption(OPTIONS.url())
    .option("--json", "print JSON, for machines")
    .addHelpText("after", help)
    .action(runRecount);
}

const help = `
Without --database-url it counts the ledger of the urna dev that runs on --data. It can be run at any time, also while
ballots are being recorded, and on a standby. A contest is counted over all ledgers that have its ballots: further ones
are named by --ledgers, as for the roles. Memory: about 23 bytes a ballot of the largest contest, a gigabyte at the most,
and 40 bytes a block.

Exit status: 0 clean, 1 something differs, 2 the recount could not be done.

Examples:
  urna recount
  urna recount --contest song-2026 --url https://vote.example --database-url postgres://auditor@db/urna`;

async function runRecount(flags: RecountFlags): Promise<void> {
  try {
    const { databaseUrl, url } = ledgerOf(flags);
    await using opened = new AsyncDisposableStack();
    const { session, standby } = await openForReading(databaseUrl, SESSION);
    opened.use(session);
    const further = await openFurther(opened, session, flags.ledgers);
    const progress = new RecountBar();
    const report = await recount(new PostgresRecountSource(session), {
      further: further.map(({ ledger }) => ledger),
      ...(flags.contest === undefined ? {} : { contestId: flags.contest }),
      ...(url === undefined ? {} : { results: resultsFrom(url) }),
      onProgress: (state) => progress.show(state),
    });
    progress.finish();
    const from = {
      ...{ host: session.host, standby, resultsUrl: url ?? null },
      ledgers: further.map(({ ledger: { name }, host, standby }) => ({ name, host, standby })),
    };
    console.log(flags.json ? JSON.stringify(jsonOf(report, from)) : renderRecount(report, from));
    if (!report.clean) process.exitCode = EXIT_DIFFERS;
  } catch (error) {
    console.error(`urna: nothing was counted: ${failureText(error)}`);
    process.exitCode = EXIT_IMPOSSIBLE;
  }
}

/** The results of an urna dev belong to its own ledger; another ledger's are compared only where --url says so. */
function ledgerOf(flags: RecountFlags): { databaseUrl: string; url: string | undefined } {
  const dev = readDevFile(flags.data);
  const databaseUrl = flags.databaseUrl ?? dev?.databaseUrl;
  if (databaseUrl === undefined) {
    throw new CommandFailed(
      `no ledger is known: start one with "urna dev", set --data (URNA_DATA) to its data folder, or set ` +
        "--database-url (DATABASE_URL)",
    );
  }
  const ownUrl = dev?.databaseUrl === databaseUrl && isRunning(dev.pid) ? dev.url : undefined;
  return { databaseUrl, url: flags.url === undefined ? ownUrl : serverAddress(flags.url) };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

const count = z.int().nonnegative();
const servedResults = z.object({
  final: z.boolean(),
  turnout: count,
  ballots: count.optional(),
  blank: count.optional(),
  counts: z.array(z.object({ option: count, votes: count })).optional(),
});

function resultsFrom(url: string): ResultsReader {
  const urna = new Administration({ url, adminToken: null });
  return async (contestId) => {
    try {
      return servedResults.parse(await urna.results(contestId));
    } catch (error) {
      if (error instanceof CallFailed && error.code === "no_such_contest") return null;
      if (error instanceof z.ZodError)
        throw new CommandFailed(`${url} does not answer with an Urna's results`);
      throw error;
    }
  };
}

/** One bar a step. */
class RecountBar {
  private step: RecountProgress["step"] | undefined;
  private bar: Progress | undefined;
  private done = 0;

  show({ step, done, total }: RecountProgress): void {
    if (step !== this.step) {
      this.finish();
      this.step = step;
      this.bar = new Progress(step === "blocks" ? "chains " : "ballots", total, step);
    }
    this.done = done;
    this.bar?.update(done);
  }

  finish(): void {
    this.bar?.finish(this.done);
  }
}

function jsonOf(report: RecountReport, from: object) {
  const { findings, ...rest } = report;
  return {
    ...rest,
    ...from,
    findings: {
      total: findings.total,
      byCode: Object.fromEntries(findings.countByCode),
      first: findings.kept,
    },
  };
}
