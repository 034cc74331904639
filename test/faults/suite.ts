/** Runs faults under seeds, on clusters that live as long as they can be mended, and sums up what the judge says. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cluster, startCluster } from "./cluster/cluster.ts";
import { closeContest, untilFinal } from "./contest.ts";
import type { Fault } from "./fault.ts";
import { recount } from "./judge/evidence.ts";
import { inWords, judgeFinal, type Played, runSeed } from "./run-seed.ts";

/** Service must be back within this time of the end of a failover. */
export const BEYOND_FAILOVER_MS_MAX = 2_000;

export type SeedReport = { seed: number; error: string | null; played: Played | null };

export type FaultReport = { fault: Fault; impossible: string | null; seeds: SeedReport[] };

export type SuiteReport = {
  faults: FaultReport[];
  /** What was found when all contests were closed: in words, empty when there was nothing. */
  closing: string[];
  /** The voters' journals; kept only where something was found. */
  journals: string;
};

export type SuiteOptions = {
  faults: readonly Fault[];
  seeds: readonly number[];
  onProgress: (line: string) => void;
  /** Ends it after the seed that is being run; nothing is closed then. */
  stopped: AbortSignal;
};

/** Leaves nothing running. */
export async function runSuite({ faults, seeds, onProgress, stopped }: SuiteOptions): Promise<SuiteReport> {
  const journals = mkdtempSync(join(tmpdir(), "urna-faults-journals-"));
  const { direct = [], buffered = [], own = [] } = Object.groupBy(faults, whereRun);
  // Recorders go on with elections for an hour after they are final: not with those of all faults together.
  const groups = [direct, ...[...buffered, ...own].map((fault) => [fault])];
  const reports: FaultReport[] = [];
  const closing: string[] = [];
  for (const group of groups) {
    await using run = new Run(journals, onProgress);
    for (const fault of group) {
      const impossible = fault.impossible?.() ?? null;
      if (impossible !== null) onProgress(`${fault.name}: SKIPPED, ${impossible}`);
      const report: FaultReport = { fault, impossible, seeds: [] };
      reports.push(report);
      if (impossible !== null) continue;
      for (const seed of seeds) if (!stopped.aborted) report.seeds.push(await run.seed(fault, seed));
    }
    closing.push(...(stopped.aborted ? ["stopped before the end"] : await run.close()));
  }
  const report = { faults: reports, closing, journals };
  if (isClean(report)) rmSync(journals, { recursive: true });
  return report;
}

/** Faults that have no cluster of their own share one of two. */
export function whereRun({ cluster, buffered = false }: Fault): "own" | "buffered" | "direct" {
  if (cluster !== undefined) return "own";
  return buffered ? "buffered" : "direct";
}

export function isClean({ faults, closing }: SuiteReport): boolean {
  return closing.length === 0 && faults.every((report) => verdictOn(report) === "good");
}

/** The worst of a fault's seeds. */
export function verdictOn({ fault, seeds }: Pick<FaultReport, "fault" | "seeds">): "good" | "LATE" | "BAD" {
  if (!seeds.every((seed) => isGood(fault, seed))) return "BAD";
  return seeds.every(isInTime) ? "good" : "LATE";
}

/** Not asked by `npm test`, which holds no times: it runs on machines that have other things to do. */
function isInTime({ played }: SeedReport): boolean {
  return (played?.replacements ?? []).every(({ beyondMs }) => beyondMs <= BEYOND_FAILOVER_MS_MAX);
}

/** Of a control: that the judge saw the loss. */
export function isGood({ losesOnPurpose = false }: Fault, { error, played }: SeedReport): boolean {
  if (error !== null || played === null) return false;
  if (losesOnPurpose) return lostIn(played) > 0;
  return played.judgement.findings.length === 0;
}

export function lostIn({ judgement }: Played): number {
  return judgement.findings.filter(({ kind }) => kind === "lost" || kind === "changed").length;
}

/** The seeds of one cluster after the other; a cluster that can't be mended is replaced. */
export class Run implements AsyncDisposable {
  private readonly journals: string;
  private readonly onProgress: (line: string) => void;
  private cluster: Cluster | undefined;
  private played: { fault: Fault; report: SeedReport }[] = [];

  constructor(journals: string, onProgress: (line: string) => void) {
    this.journals = journals;
    this.onProgress = onProgress;
  }

  async seed(fault: Fault, seed: number): Promise<SeedReport> {
    const report: SeedReport = { seed, error: null, played: null };
    try {
      this.cluster ??= await startCluster({ buffered: fault.buffered ?? false, ...fault.cluster });
      report.played = await runSeed(this.cluster, fault, seed, this.journals);
      report.error = report.played.error;
      this.played.push({ fault, report });
      // Under the next fault, so that not all topics are drained for as long as the suite runs.
      if (this.cluster.isBuffered) await closeContest(this.cluster, report.played.contest);
    } catch (thrown) {
      report.error = inWords(thrown);
      await this.abandon();
    }
    this.onProgress(line(fault, report));
    return report;
  }

  /** Closes every contest, and judges again by what is final. What it finds is added to the seeds' judgements too. */
  async close(): Promise<string[]> {
    const cluster = this.cluster;
    if (cluster === undefined || this.played.length === 0) return [];
    this.onProgress(`closing ${this.played.length} contests, and judging them again when they are final`);
    const found: string[] = [];
    try {
      for (const { report } of this.played) await closeContest(cluster, report.played!.contest);
      for (const { fault, report } of this.played) {
        const played = report.played!;
        await untilFinal(cluster, played.contest);
        played.judgement = await judgeFinal(cluster, played);
        if (!isGood(fault, report)) found.push(line(fault, report));
      }
      found.push(...(await recount(cluster)));
    } catch (thrown) {
      found.push(inWords(thrown));
    }
    return found;
  }

  private async abandon(): Promise<void> {
    await this.cluster?.[Symbol.asyncDispose]();
    this.cluster = undefined;
    this.played = [];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.abandon();
  }
}

/** One seed, for people who wait. */
function line(fault: Fault, report: SeedReport): string {
  const { seed, error, played } = report;
  const verdict = verdictOn({ fault, seeds: [report] });
  if (played === null) return `${fault.name}, seed ${seed}: ${verdict}: ${error}`;
  const { tookMs, judgement } = played;
  const { acknowledged, accepted, unknown, findings } = judgement;
  const kinds = [...Map.groupBy(findings, ({ kind }) => kind)].map(
    ([kind, found]) => `${found.length} ${kind}`,
  );
  const parts = [
    `${(tookMs / 1000).toFixed(1)} s`,
    ...(played.withoutAcceptanceMs === null ? [] : [`${accepted} accepted`]),
    `${acknowledged} acknowledged`,
    `${unknown} unknown`,
    ...played.replacements.map(({ beyondMs }) => `served ${Math.round(beyondMs)} ms beyond the failover`),
    ...kinds,
  ];
  return `${fault.name}, seed ${seed}: ${verdict}: ${parts.join(", ")}${error === null ? "" : `, ${error}`}`;
}
