/**
 * The figures that Urna's own machine gave: where to begin, until there are figures of machines like
 * yours. docs/operations/capacity.md says where each is from.
 */
import type { Figures } from "./figures.ts";

export const MEASURED: Figures = {
  machine: "two cores (virtual, 2.3 GHz) that everything shared",
  measuredOn: "2026-11-30",
  measuredBy: "several benchmarks, which docs/operations/capacity.md names",
  gatewayMicros: { direct: 30.1, accepted: 49.3 },
  recorderMicros: 16.2,
  brokerMicros: 89.8,
  primaryMicros: { direct: 14.6, drained: 10.3 },
  standbyMicros: 2.3,
  directPerSecond: 24_700,
  ledgerPerSecond: 90_600,
  partitionPerSecond: 56_400,
  ballotBytes: 159.5,
  walBytes: 326,
  recordBytes: 71.3,
  requestBytes: 301,
  answerBytes: 390,
  redisBytes: 27_700_000,
  callerBytes: 173,
};
