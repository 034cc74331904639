/** The recorder role: drains the log's partitions into the ledgers. */

import type { Retrying } from "../buffering/log.ts";
import { StreamTakenError } from "../buffering/partition-drain.ts";
import { type DrainStatus, Recorder } from "../buffering/recorder.ts";
import { PostgresDrainLedger } from "../postgres/drain-ledger.ts";
import { SessionPool } from "../postgres/session-pool.ts";
import { systemClock as clock } from "../runtime/clock.ts";
import { atMostEvery, type Log } from "../runtime/log.ts";
import { gaugeOf, labelledGaugeOf, type Metrics } from "../runtime/metrics.ts";
import type { Service } from "../runtime/service.ts";
import { DRAIN_SESSIONS_MAX } from "./connections.ts";
import type { OpenLedger } from "./further-ledgers.ts";
import type { Reason } from "./health.ts";
import type { KafkaAccess } from "./kafka.ts";
import type { LedgerAccess } from "./ledger.ts";

export type RecorderRoleOptions = { log: Log; metrics: Metrics };

/** Above the sessions' lock timeout, so that waiting for a lock is known not to be a commit. */
const ATTEMPT_TIMEOUT_MS = 3_000;
const DRAINING = {
  /** In a block: some 600 kB of leaves and ballots. */
  recordsMax: 10_000,
  bytesMax: 1024 * 1024,
  waitMs: 500,
  /** As often as live results look: whoever waits for it was answered 202 already. */
  gatherMs: 100,
  retryPauseMs: 20,
  retryPauseMsMax: 1_000,
};
const ELECTIONS_POLL_MS = 1_000;
const TAKEN_PAUSE_MS = 2_000;
/** What has not worked for so long is told of: with the settings of docs/operations/running.md a broker is replaced in less. */
const RETRYING_MS_MAX = 15_000;

const MEND_STOPPED = "docs/operations/failure-modes.md says what each of these means";
const MEND_GROUP =
  "see that brokers run and can be reached, and that this user may read the group urna-recorders";

export function openRecorder(
  opened: AsyncDisposableStack,
  { store, directory }: LedgerAccess,
  ledgers: readonly OpenLedger[],
  kafka: KafkaAccess,
  { log, metrics }: RecorderRoleOptions,
) {
  const drains = new Map(ledgers.map((ledger) => [ledger.number, openDrainLedger(opened, ledger)] as const));
  const retried = atMostEvery(1_000, (unwritten, topic: string, partition: number, err: Error) =>
    log.warn({ err, topic, partition, unwritten }, "a partition could not be drained, trying again"),
  );
  const ungrouped = atMostEvery(10_000, (unwritten, err: Error) =>
    log.warn({ err, unwritten }, "the group of the recorders can't be asked, trying again"),
  );
  const unlisted = atMostEvery(10_000, (unwritten, err: Error) =>
    log.warn({ err, unwritten }, "which elections there are is not known now, trying again"),
  );
  const member = opened.use(kafka.joinRecorders(ungrouped));
  const recorder = new Recorder(
    {
      log: kafka.reader,
      member,
      elections: () => store.electionsToDrain(),
      contests: directory,
      ledgerOf: (number) => drains.get(number),
    },
    {
      ...DRAINING,
      clock,
      electionsPollMs: ELECTIONS_POLL_MS,
      takenPauseMs: TAKEN_PAUSE_MS,
      onBlock: (block, durationMs) => {
        metrics.drainSeconds.observe(durationMs / 1000);
        metrics.drainedBallots.inc(block.ballots.length);
        const [first] = block.quarantined;
        if (first === undefined) return;
        const { length: records } = block.quarantined;
        metrics.quarantined.inc(records);
        log.error({ offset: first.offset, reason: first.reason, records }, "records are in quarantine");
      },
      onRetry: ({ topic, partition }, error) => retried(topic, partition, error),
      onStopped: ({ topic, partition }, err) => {
        if (err instanceof StreamTakenError) log.info({ topic, partition }, err.message);
        else log.error({ err, topic, partition }, "a partition is not drained until people have looked");
      },
      onElectionsUnknown: unlisted,
    },
  );
  showPartitions(metrics, recorder);
  const services: Service[] = [{ name: "recorder", run: (signal) => recorder.run(signal) }];
  const unready = (): Reason[] => [
    ...retryingReasons("the group of the recorders", member.retrying, MEND_GROUP),
    ...recorder.partitions.flatMap(reasonsOf),
  ];
  return { routes: [], services, unready };
}

function openDrainLedger(opened: AsyncDisposableStack, { databaseUrl, session, gate }: OpenLedger) {
  // Sessions of their own: whoever asks for receipts must not hold up what is recorded.
  const pool = opened.use(
    new SessionPool({
      ...{ ...session, applicationName: "urna drain", connectionString: databaseUrl },
      sessionsMax: DRAIN_SESSIONS_MAX,
      waitingMax: 10_000,
    }),
  );
  return new PostgresDrainLedger(pool, {
    writer: `recorder ${process.env.HOSTNAME ?? "local"} ${process.pid}`,
    timeoutMs: ATTEMPT_TIMEOUT_MS,
    gateFaults: () => gate.faults,
    overrideGate: session.overrideGate ?? false,
  });
}

function showPartitions(metrics: Metrics, recorder: Recorder): void {
  const labels = ["topic", "partition"] as const;
  const of = ({ topic, partition }: DrainStatus) => ({ topic, partition: String(partition) });
  gaugeOf(
    metrics,
    "urna_partitions",
    "Partitions that this recorder drains",
    () => recorder.partitions.length,
  );
  labelledGaugeOf(
    metrics,
    "urna_partition_stopped",
    "1 for each partition that people must look at",
    labels,
    () =>
      recorder.partitions
        .filter(({ stopped }) => stopped !== null)
        .map((status) => ({ labels: of(status), value: 1 })),
  );
  labelledGaugeOf(
    metrics,
    "urna_partition_retrying_seconds",
    "For how long each partition that can't be drained now could not be",
    labels,
    () =>
      recorder.partitions.flatMap((status) =>
        status.retrying === null ? [] : { labels: of(status), value: secondsSince(status.retrying) },
      ),
  );
}

function secondsSince({ sinceMs }: Retrying): number {
  return (clock.steadyMs() - sinceMs) / 1000;
}

function reasonsOf({ topic, partition, stopped, retrying }: DrainStatus): Reason[] {
  const check = `partition ${partition} of ${topic}`;
  if (stopped !== null) return [{ check, found: stopped.message, mend: MEND_STOPPED }];
  return retryingReasons(check, retrying, "it goes on by itself as soon as that is mended");
}

function retryingReasons(check: string, retrying: Retrying | null, mend: string): Reason[] {
  if (retrying === null || secondsSince(retrying) * 1000 < RETRYING_MS_MAX) return [];
  return [
    { check, found: `not for ${Math.round(secondsSince(retrying))} s: ${retrying.error.message}`, mend },
  ];
}
