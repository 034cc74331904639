/** What a load run measured, as figures for machines and as lines for people. */
import type { LatencyHistogram } from "../client/latency-histogram.ts";
import type { Measurement } from "../client/load-generator.ts";
import type { LoadMeasurement } from "../client/load-measurement.ts";
import { thousands } from "./progress.ts";

const PERCENTILES = { p50: 0.5, p90: 0.9, p99: 0.99, p999: 0.999 } as const;

export type LatencyFigures = Record<keyof typeof PERCENTILES | "max", number>;

export type RecordingFigures = {
  /** By the turnout, while the clock ran; null when it could not be read twice. */
  recordedPerSecond: number | null;
  /** Ballots accepted and not yet in the turnout when the last answer had come, and how long that took to change. */
  lagBallots: number | null;
  drainSeconds: number | null;
};

export type LoadFigures = {
  /** Distinct durable ballots, recorded or accepted, a second of the clock. */
  votesPerSecond: number;
  seconds: number;
  /** Distinct durable ballots, those before and after the clock ran among them. */
  durable: number;
  /** Ballots that may have been recorded without this client knowing. */
  unknown: number;
  /** Ballots that never left this client: no connection could be made. */
  notSent: number;
  /** Null when it could not be read. */
  turnoutGrowth: number | null;
  /** How those that were accepted came to be recorded; null where ballots are recorded directly. */
  recording: RecordingFigures | null;
  /** By status and code, while measuring. */
  answers: Record<string, number>;
  /** Of ballots that were recorded. */
  latencyMs: LatencyFigures;
  /** Of those that were answered otherwise, or null when there were none. */
  refusalLatencyMs: LatencyFigures | null;
  /** Why the run failed or its figures cannot be believed, or null. */
  fault: string | null;
};

/** Distinct durable ballots, whenever they were answered. */
export function durableIn({ warmUp, measured }: LoadMeasurement): number {
  return warmUp.durable + warmUp.durableLate + measured.durable + measured.durableLate;
}

export function loadFigures(
  load: LoadMeasurement,
  turnoutGrowth: number | null,
  recording: RecordingFigures | null = null,
): LoadFigures {
  const { warmUp, measured } = load;
  const sum = (of: (measurement: Measurement) => number) => of(warmUp) + of(measured);
  const durable = durableIn(load);
  const unknown = sum((measurement) => measurement.unknown);
  const notSent = sum((measurement) => measurement.notSent);
  const unproved = sum((measurement) => measurement.unproved);
  return {
    votesPerSecond: measured.clockMs > 0 ? Math.round((measured.durable / measured.clockMs) * 1000) : 0,
    seconds: Number((measured.clockMs / 1000).toFixed(3)),
    durable,
    unknown,
    notSent,
    turnoutGrowth,
    recording,
    answers: Object.fromEntries(measured.answers),
    latencyMs: latencyFigures(measured.latency),
    refusalLatencyMs: measured.refusalLatency.count === 0 ? null : latencyFigures(measured.refusalLatency),
    fault: faultOf({ durable, unknown, notSent, unproved, turnoutGrowth, answers: warmUp.answers }),
  };
}

export function latencyFigures(latency: LatencyHistogram): LatencyFigures {
  const rounded = (milliseconds: number) => Number(milliseconds.toFixed(2));
  return {
    p50: rounded(latency.percentileMs(PERCENTILES.p50)),
    p90: rounded(latency.percentileMs(PERCENTILES.p90)),
    p99: rounded(latency.percentileMs(PERCENTILES.p99)),
    p999: rounded(latency.percentileMs(PERCENTILES.p999)),
    max: rounded(latency.maxMs),
  };
}

type Counted = Pick<LoadFigures, "durable" | "unknown" | "notSent" | "turnoutGrowth"> & {
  unproved: number;
  /** Also those before the clock ran. */
  answers: ReadonlyMap<string, number>;
};

/** What is worst comes first. */
function faultOf(counted: Counted): string | null {
  const { durable, unknown, notSent, unproved } = counted;
  const faults = [
    unproved > 0 &&
      `${thousands(unproved)} receipts name no place in the ledger or the log, or one that another receipt names`,
    turnoutFault(counted),
    unknown > 0 && `ballots of unknown outcome: ${thousands(unknown)}`,
    notSent > 0 && `ballots that could not be sent, because connections failed: ${thousands(notSent)}`,
    durable === 0 && `no ballot was recorded or accepted${answersInWords(counted.answers)}`,
  ].filter((fault) => typeof fault === "string");
  return faults.length === 0 ? null : faults.join("; ");
}

function answersInWords(answers: ReadonlyMap<string, number>): string {
  if (answers.size === 0) return "";
  return `; answered: ${[...answers].map(([answer, count]) => `${answer} (${thousands(count)})`).join(", ")}`;
}

function turnoutFault({ durable, unknown, turnoutGrowth }: Counted): string | false {
  if (turnoutGrowth === null) return "the turnout can't be read any more";
  if (turnoutGrowth >= durable && turnoutGrowth <= durable + unknown) return false;
  const unsure = unknown > 0 ? `, and ${thousands(unknown)} of unknown outcome` : "";
  return (
    `the turnout grew by ${thousands(turnoutGrowth)}, but there were ${thousands(durable)} durable ballots${unsure}: ` +
    "did anybody else vote in this contest?"
  );
}

export function renderFigures(contest: string, figures: LoadFigures): string {
  const answers = Object.entries(figures.answers).map(([answer, count]) => `${answer}: ${thousands(count)}`);
  const growth = figures.turnoutGrowth === null ? "not known" : `grew by ${thousands(figures.turnoutGrowth)}`;
  const durable = figures.recording === null ? "durable" : "accepted";
  return [
    `${thousands(figures.votesPerSecond)} votes/s ${durable}, over ${figures.seconds} s`,
    ...(figures.recording === null ? [] : [`recording   ${renderRecording(figures.recording)}`]),
    `latency ms  ${renderLatency(figures.latencyMs)}`,
    ...(figures.refusalLatencyMs === null ? [] : [`refused ms  ${renderLatency(figures.refusalLatencyMs)}`]),
    `answers     ${answers.join("  ")}`,
    `turnout     ${growth}; durable ballots ${thousands(figures.durable)}, warm-up included`,
    `contest     ${contest}`,
  ].join("\n");
}

function renderRecording({ recordedPerSecond, lagBallots, drainSeconds }: RecordingFigures): string {
  const rate = recordedPerSecond === null ? "not known" : `${thousands(recordedPerSecond)}/s meanwhile`;
  if (lagBallots === null || drainSeconds === null) return `${rate}; not all was seen recorded`;
  return `${rate}; ${thousands(lagBallots)} behind at the end, drained in ${drainSeconds} s`;
}

function renderLatency({ p50, p90, p99, p999, max }: LatencyFigures): string {
  return `p50 ${p50}  p90 ${p90}  p99 ${p99}  p99.9 ${p999}  max ${max}`;
}

export function renderSecond(second: number, votes: number, measured: Measurement): string {
  const others = [...measured.answers]
    .filter(([answer]) => answer !== "201" && answer !== "202")
    .map(([answer, count]) => `  ${answer}: ${thousands(count)}`);
  return `${String(second).padStart(4)} s ${thousands(votes).padStart(9)} votes/s${others.join("")}`;
}
