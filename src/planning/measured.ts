/** The figures that Urna's own machine gave: where to begin, until there are figures of machines like yours. */
import type { Figures } from "./figures.ts";

export const MEASURED: Figures = {
  machine:
    "two cores (virtual, 2.3 GHz) that everything shared: clients, gateway, recorder, brokers, primary, standby",
  measuredOn: "2026-11-29",
  measuredBy: "bench/buffered.ts, bench/ledger-bytes.ts",
  gatewayMicros: { direct: 20, accepted: 20 },
  recorderMicros: 8.2,
  brokerMicros: 10,
  primaryMicros: { direct: 15, drained: 15.4 },
  standbyMicros: 2.7,
  directPerSecond: 25_000,
  ledgerPerSecond: 38_900,
  partitionPerSecond: 10_000,
  ballotBytes: 171,
  walBytes: 338,
  recordBytes: 80,
  requestBytes: 360,
  answerBytes: 360,
  redisBytes: 27_700_000,
  callerBytes: 173,
};
