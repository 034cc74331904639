/** What bench/overload.ts and the process that makes its load tell each other. */
import type { LatencyFigures } from "../src/cli/load-figures.ts";
import type { Target } from "../src/client/administration.ts";

export type LoadPlan = {
  admin: Target;
  /** The gateway's. */
  url: string;
  election: string;
  contest: string;
  seconds: number;
  connections: number;
};

export type StageName = "peak" | "more" | "full" | "normal" | "overload" | "after";

export type StageFigures = {
  stage: StageName;
  offeredPerSecond: number;
  recordedPerSecond: number;
  refusedPerSecond: number;
  /** Ballots that were neither recorded nor refused. */
  others: number;
  recordedMs: LatencyFigures;
  refusedMs: LatencyFigures;
};

export type Recovery = {
  /** From the end of the overload until its last ballot was answered. */
  drainMs: number;
  /** And until a tenth of a second was as before it; null when there was none. */
  recoveryMs: number | null;
};

export type Line = { begins: StageName } | StageFigures | Recovery;
