/** The buffered path: what each role opens of Kafka, and of the ledgers that drain it. */
import { AppendLane } from "../buffering/append-lane.ts";
import { LogGate } from "../buffering/log-gate.ts";
import { Accepting } from "../casting/accepting.ts";
import { BufferedContests } from "../contests/buffered-contests.ts";
import { KafkaLog } from "../kafka/log.ts";
import { PostgresBallotLedger } from "../postgres/ballot-ledger.ts";
import { describeFaults } from "../recording/durability.ts";
import { systemClock as clock } from "../runtime/clock.ts";
import { atMostEvery, type Log } from "../runtime/log.ts";
import { gaugeOf, type Metrics } from "../runtime/metrics.ts";
import type { OpenLedger } from "./further-ledgers.ts";
import type { Reason } from "./health.ts";
import {
  BUFFERED_DRAIN_MS_MIN,
  BUFFERED_PROMISE_MS,
  type LedgerAccess,
  TRANSACTION_TIMEOUT_MS,
} from "./ledger.ts";
import { openRecorder } from "./recorder.ts";

const LOG_GATE_POLL_MS = 1_000;
const LOG_GATE_AGE_MS_MAX = 5_000;
const TOPIC_FORGOTTEN_MS = 3_600_000;
/** Shorter than voters wait: within it a broker that died is replaced, or the outcome is open. */
const APPEND_TIMEOUT_MS = 4_000;
const BARRIER_AGAIN_MS = 10_000;

/** Does not wait for Kafka: whoever needs it is told when it does not answer. */
export function openKafka(opened: AsyncDisposableStack, url: string, log: Log): KafkaLog {
  return opened.use(new KafkaLog({ address: parseKafkaAddress(url), log }));
}

export type AcceptingOptions = { batchBallotsMax: number; log: Log; metrics: Metrics };

/** A gateway's: appends ballots, and is shut while they could be lost. */
export function openAccepting(kafka: KafkaLog, { directory }: LedgerAccess, options: AcceptingOptions) {
  const { log, metrics, batchBallotsMax } = options;
  const gate = new LogGate(kafka, {
    pollMs: LOG_GATE_POLL_MS,
    ageMsMax: LOG_GATE_AGE_MS_MAX,
    forgetMs: TOPIC_FORGOTTEN_MS,
    clock,
    onChange: (topic, faults) => {
      if (faults.length === 0) log.info(`ballots are accepted into ${topic}`);
      else log.error(`nothing is accepted into ${topic}: ${describeFaults(faults)}`);
    },
  });
  const failed = atMostEvery(1_000, (unwritten, err: Error) =>
    log.warn({ err, unwritten }, "ballots could not be appended"),
  );
  const openLane = () =>
    new AppendLane(kafka, {
      batchBallotsMax,
      appendTimeoutMs: APPEND_TIMEOUT_MS,
      clock,
      onBatch: (outcomes, durationMs) => {
        metrics.appendSeconds.observe(durationMs / 1000);
        for (const each of outcomes) {
          metrics.appended.inc({ outcome: each.outcome });
          if (each.outcome !== "appended") failed(each.error);
        }
      },
    });
  const accepting = new Accepting(
    { log: kafka, gate, directory, openLane },
    { promiseMs: BUFFERED_PROMISE_MS, clock },
  );
  gaugeOf(metrics, "urna_log_gate_faults", "What forbids accepting into the log; 0 when nothing does", () => {
    return gate.faults.length;
  });
  const unready = (): Reason[] => gate.faults.map(({ check, found, mend }) => ({ check, found, mend }));
  return { accepting, unready };
}

/** The admin role's: topics, copies in the ledgers, barriers. */
export function openBufferedContests(
  kafka: KafkaLog,
  { store }: LedgerAccess,
  ledgers: readonly OpenLedger[],
  partitionsByDefault: number,
): BufferedContests {
  const ballotLedgers = ledgers.map(
    ({ name, number, pool }) =>
      [name, new PostgresBallotLedger(number, pool, TRANSACTION_TIMEOUT_MS)] as const,
  );
  return new BufferedContests(store, kafka, {
    ledgers: new Map(ballotLedgers),
    partitionsByDefault,
    appendTimeoutMs: APPEND_TIMEOUT_MS,
    drainMsMin: BUFFERED_DRAIN_MS_MIN,
    barrierAgainMs: BARRIER_AGAIN_MS,
    clock,
  });
}

export type BufferedPathOptions = AcceptingOptions & { kafka?: string; partitions: number };

/** All of it in one process; null without Kafka. */
export function openBufferedPath(
  opened: AsyncDisposableStack,
  ledger: LedgerAccess,
  ledgers: readonly OpenLedger[],
  options: BufferedPathOptions,
) {
  const { kafka: url, partitions, log, metrics } = options;
  if (url === undefined) return null;
  const kafka = openKafka(opened, url, log);
  const { accepting } = openAccepting(kafka, ledger, options);
  const contests = openBufferedContests(kafka, ledger, ledgers, partitions);
  return { accepting, contests, parts: [openRecorder(opened, ledger, ledgers, kafka, { log, metrics })] };
}
