/** Figures: what a ballot costs and takes, as it was measured on a machine like those that are planned for. */
import { z } from "zod";

const text = z.string().min(1);
const positive = z.number().positive();

/** What a figures file holds; `bench/buffered.ts --figures` writes one. Rates are ballots a second, times of processors. */
export const figures = z.strictObject({
  /** Where, when and by what they were measured. */
  machine: text,
  measuredOn: z.iso.date(),
  measuredBy: text,

  /** Of a gateway, which has one core: a ballot recorded directly, and one accepted. */
  gatewayMicros: z.strictObject({ direct: positive, accepted: positive }),
  /** Of a recorder, which has one core. */
  recorderMicros: positive,
  /** Of all brokers together, copies included. */
  brokerMicros: positive,
  /** Of a primary: a ballot that a gateway records, and one out of a partition. And of each of its standbys. */
  primaryMicros: z.strictObject({ direct: positive, drained: positive }),
  standbyMicros: positive,

  /** What one primary records directly, from as many gateways as it takes, and out of as many partitions. */
  directPerSecond: positive,
  ledgerPerSecond: positive,
  /** What is recorded out of one partition alone, one block after the other. */
  partitionPerSecond: positive,

  /** Of a ledger's disk, and of its WAL. */
  ballotBytes: positive,
  walBytes: positive,
  /** Of one broker's disk. */
  recordBytes: positive,
  /** Between a voter and a gateway, without TLS. */
  requestBytes: positive,
  answerBytes: positive,

  /** Of Redis' memory: when nobody calls, and for each address that called within the window of its limit. */
  redisBytes: positive,
  callerBytes: positive,
});

export type Figures = z.infer<typeof figures>;
