/**
 * The figures that Urna's own machine gave, with other work on it: where to begin, until there are figures of machines like
 * yours. docs/operations/capacity.md says where each is from.
 */
import type { Figures } from "./figures.ts";

export const MEASURED: Figures = {
  machine: "two cores (virtual, 2.3 GHz) that everything shared, with other work on them",
  measuredOn: "2026-11-29",
  measuredBy: "several benchmarks, which docs/operations/capacity.md names",
  gatewayMicros: { direct: 38.4, accepted: 34.9 },
  recorderMicros: 8.3,
  brokerMicros: 341,
  primaryMicros: { direct: 15.4, drained: 15.4 },
  standbyMicros: 2.7,
  directPerSecond: 24_900,
  ledgerPerSecond: 38_900,
  partitionPerSecond: 13_500,
  ballotBytes: 171,
  walBytes: 338,
  recordBytes: 70.6,
  requestBytes: 301,
  answerBytes: 390,
  redisBytes: 27_700_000,
  callerBytes: 173,
};
