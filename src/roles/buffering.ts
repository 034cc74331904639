/** The buffered path: what each role opens of Kafka, and of the ledgers that drain it. */
import type { TokenKey } from "../admission/secrets.ts";
import { AppendLane } from "../buffering/append-lane.ts";
import { LogGate } from "../buffering/log-gate.ts";
import { Accepting } from "../casting/accepting.ts";
import { BufferedContests } from "../contests/buffered-contests.ts";
import { ContestsAhead } from "../contests/contests-ahead.ts";
import type { KafkaAddress } from "../kafka/address.ts";
import { PostgresBallotLedger } from "../postgres/ballot-ledger.ts";
import { readClock } from "../postgres/node-limits.ts";
import { cutAfter } from "../postgres/session.ts";
import { ClockWatch } from "../recording/clock-watch.ts";
import { describeFaults } from "../recording/durability.ts";
import { RedisSharedText } from "../redis/shared-text.ts";
import { systemClock as clock } from "../runtime/clock.ts";
import { atMostEvery, type Log } from "../runtime/log.ts";
import { gaugeOf, type Metrics } from "../runtime/metrics.ts";
import type { Service } from "../runtime/service.ts";
import type { OpenLedger } from "./further-ledgers.ts";
import type { Reason } from "./health.ts";
import { type KafkaAccess, openKafka } from "./kafka.ts";
import {
  BUFFERED_DRAIN_MS_MIN,
  BUFFERED_LIFETIME_MS,
  BUFFERED_PROMISE_MS,
  CLOCKS_DIFFER_MS_MAX,
  DIRECTORY_LIFETIME_MS,
  type LedgerAccess,
  TRANSACTION_TIMEOUT_MS,
} from "./ledger.ts";
import { openRecorder } from "./recorder.ts";
import type { RedisAccess } from "./redis.ts";

const LOG_GATE_POLL_MS = 1_000;
const LOG_GATE_AGE_MS_MAX = 5_000;
const TOPIC_FORGOTTEN_MS = 3_600_000;
/** Shorter than voters wait: within it a broker that died is replaced, or the outcome is open. */
const APPEND_TIMEOUT_MS = 4_000;
const COPIES_POLL_MS = 1_000;
const QUIETLY_MS = 10_000;
const CLOCK_POLL_MS = 2_000;
const BARRIER_AGAIN_MS = 10_000;
/** As often as the directory asks for what it knows: a pause takes hold as soon, whoever read of it. */
const AHEAD_POLL_MS = DIRECTORY_LIFETIME_MS / 2;
/** No request waits for it. */
const SHARED_TEXT_TIMEOUT_MS = 500;
const SHARED_CONTESTS_BYTES_MAX = 1024 * 1024;

export type AcceptingOptions = {
  batchBallotsMax: number;
  tokenKeys: readonly TokenKey[];
  /** Null where gateways share nothing. */
  redis: RedisAccess | null;
  log: Log;
  metrics: Metrics;
};

/** A gateway's: appends ballots, and is shut while they could be lost. */
export function openAccepting(kafka: KafkaAccess, ledger: LedgerAccess, options: AcceptingOptions) {
  const { log, metrics, batchBallotsMax } = options;
  const { directory } = ledger;
  const clockWatch = watchClock(ledger, log);
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
    new AppendLane(kafka.appender, {
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
    { log: kafka.appender, gate, directory, clockWatch, openLane },
    { promiseMs: BUFFERED_PROMISE_MS, clock },
  );
  gaugeOf(metrics, "urna_log_gate_faults", "What forbids accepting into the log; 0 when nothing does", () => {
    return gate.faults.length;
  });
  const unready = (): Reason[] =>
    [...gate.faults, clockWatch.check]
      .filter(({ ok }) => !ok)
      .map(({ check, found, mend }) => ({ check, found, mend }));
  const ahead = openContestsAhead(ledger, () => clockWatch.check.ok, options);
  const services: Service[] = [{ name: "contests ahead", run: (signal) => ahead.run(signal) }];
  return { accepting, services, unready };
}

function openContestsAhead(
  { store, directory, gate }: LedgerAccess,
  isClockRight: () => boolean,
  { redis, tokenKeys, log }: AcceptingOptions,
): ContestsAhead {
  const key = { name: "contests", lifetimeMs: BUFFERED_LIFETIME_MS, bytesMax: SHARED_CONTESTS_BYTES_MAX };
  const isGateOpen = () => gate.faults.length === 0;
  const shared =
    redis === null
      ? null
      : new RedisSharedText(redis.connect(SHARED_TEXT_TIMEOUT_MS), { ...key, owner: redis.owner });
  return new ContestsAhead(
    { store, directory, shared, tokenKeys, isClockRight, isGateOpen },
    {
      pollMs: AHEAD_POLL_MS,
      believedMs: BUFFERED_LIFETIME_MS,
      // Either may be off the ledger's, to one side and to the other.
      clocksDifferMsMax: 2 * CLOCKS_DIFFER_MS_MAX,
      clock,
      onError: atMostEvery(QUIETLY_MS, (unwritten, err: Error) =>
        log.warn({ err, unwritten }, "contests could not be read ahead of their voters"),
      ),
    },
  );
}

/** Of all clocks the home ledger's is the one that everybody asks. */
function watchClock({ pool }: LedgerAccess, log: Log): ClockWatch {
  return new ClockWatch(
    () => pool.use((session) => cutAfter(session, TRANSACTION_TIMEOUT_MS, readClock(session))),
    {
      ...{ pollMs: CLOCK_POLL_MS, differMsMax: CLOCKS_DIFFER_MS_MAX, clock },
      onChange: ({ ok, found, mend }) => {
        if (ok) log.info({ found }, "this machine's clock is right");
        else
          log.error(
            { found, mend },
            "nothing is accepted, and no barrier written: this machine's clock is wrong",
          );
      },
    },
  );
}

/** The admin role's: topics, copies in the ledgers, barriers. */
export function openBufferedContests(
  kafka: KafkaAccess,
  ledger: LedgerAccess,
  ledgers: readonly OpenLedger[],
  { partitions: partitionsByDefault, log }: { partitions: number; log: Log },
) {
  const clockWatch = watchClock(ledger, log);
  const ballotLedgers = ledgers.map(
    ({ name, number, pool }) =>
      [name, new PostgresBallotLedger(number, pool, TRANSACTION_TIMEOUT_MS)] as const,
  );
  const contests = new BufferedContests(ledger.store, kafka.topicMaker, kafka.appender, {
    ledgers: new Map(ballotLedgers),
    partitionsByDefault,
    appendTimeoutMs: APPEND_TIMEOUT_MS,
    drainMsMin: BUFFERED_DRAIN_MS_MIN,
    barrierAgainMs: BARRIER_AGAIN_MS,
    copiesPollMs: COPIES_POLL_MS,
    onUncopied: atMostEvery(QUIETLY_MS, (unwritten, err: Error) =>
      log.error({ err, unwritten }, "a ledger can't be told of a contest yet"),
    ),
    clockFault: () => (clockWatch.check.ok ? null : `${clockWatch.check.check}: ${clockWatch.check.found}`),
    clock,
  });
  const services: Service[] = [
    { name: "clock", run: (signal) => clockWatch.run(signal) },
    { name: "copies of contests", run: (signal) => contests.run(signal) },
  ];
  return { contests, services };
}

export type BufferedPathOptions = AcceptingOptions & { kafka: KafkaAddress | null; partitions: number };

/** All of it in one process; null without Kafka. */
export function openBufferedPath(
  opened: AsyncDisposableStack,
  ledger: LedgerAccess,
  ledgers: readonly OpenLedger[],
  options: BufferedPathOptions,
) {
  const { kafka: address, log, metrics } = options;
  if (address === null) return null;
  const kafka = openKafka(opened, address);
  const gateway = openAccepting(kafka, ledger, options);
  const { contests, services } = openBufferedContests(kafka, ledger, ledgers, options);
  const recorder = openRecorder(opened, ledger, ledgers, kafka, { log, metrics });
  const unready = () => [...gateway.unready(), ...recorder.unready()];
  const others = { routes: [], services: [...gateway.services, ...services] };
  return { accepting: gateway.accepting, contests, parts: [recorder, others], unready };
}
