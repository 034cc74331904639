/**
 * The figures that Urna's own machine gave: where to begin, until there are figures of machines like
 * yours. docs/operations/capacity.md says where each is from.
 */
import type { Figures } from "./figures.ts";

export const MEASURED: Figures = {
  machine: "two cores (virtual, 2.3 GHz) that everything shared, the ledger's with other work on them",
  measuredOn: "2026-11-29",
  measuredBy: "several benchmarks, which docs/operations/capacity.md names",
  gatewayMicros: { direct: 30.1, accepted: 49.3 },
  recorderMicros: 16.2,
  brokerMicros: 89.8,
  primaryMicros: { direct: 14.6, drained: 15.4 },
  standbyMicros: 2.7,
  directPerSecond: 24_700,
  ledgerPerSecond: 38_900,
  partitionPerSecond: 13_500,
  ballotBytes: 171,
  walBytes: 338,
  recordBytes: 71.3,
  requestBytes: 301,
  answerBytes: 390,
  redisBytes: 27_700_000,
  callerBytes: 173,
};
