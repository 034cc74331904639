/** Prometheus metrics of this process (https://prometheus.io/docs/practices/naming). */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

export type Metrics = ReturnType<typeof createMetrics>;

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    castAnswers: castAnswers(registry),
    attempts: new Counter({
      name: "urna_record_attempts_total",
      help: "Attempts to record a batch, by outcome",
      labelNames: ["outcome"] as const,
      registers,
    }),
    attemptSeconds: new Histogram({
      name: "urna_record_attempt_seconds",
      help: "Duration of an attempt to record a batch",
      buckets: SECONDS,
      registers,
    }),
    appended: new Counter({
      name: "urna_appended_total",
      help: "Ballots of buffered elections, by what became of appending them",
      labelNames: ["outcome"] as const,
      registers,
    }),
    appendSeconds: new Histogram({
      name: "urna_append_seconds",
      help: "Duration of appending a batch to the log",
      buckets: SECONDS,
      registers,
    }),
    drainedBallots: new Counter({
      name: "urna_drained_ballots_total",
      help: "Ballots that were recorded from the log",
      registers,
    }),
    quarantined: new Counter({
      name: "urna_quarantined_total",
      help: "Records of the log that are no ballots of their election",
      registers,
    }),
    drainSeconds: new Histogram({
      name: "urna_drain_seconds",
      help: "Duration of recording a block from the log, until it was recorded",
      buckets: SECONDS,
      registers,
    }),
    batchBallots: new Histogram({
      name: "urna_batch_ballots",
      help: "Ballots in a recorded batch",
      buckets: [1, 10, 50, 100, 250, 500, 1_000, 2_000, 4_000, 10_000],
      registers,
    }),
  };
}

/** Answers whose duration is observed: one in so many. It does not move a quantile. */
const OBSERVED_IN = 16;

/**
 * Told of every answer to every voter, it counts plainly and hands over when it is scraped: prom-client's own
 * counter and histogram cost 6 µs an answer, a sixth of what a ballot costs the gateway (measured).
 */
function castAnswers(registry: Registry) {
  const registers = [registry];
  const since = new Map<string, number>();
  let answers = 0;
  new Counter({
    name: "urna_cast_answers_total",
    help: "Answers to casting, by what they said",
    labelNames: ["answer"] as const,
    registers,
    collect() {
      for (const [answer, count] of since) this.inc({ answer }, count);
      since.clear();
    },
  });
  const seconds = new Histogram({
    name: "urna_cast_seconds",
    help: `From a ballot's arrival to its answer; one in ${OBSERVED_IN} is observed`,
    buckets: SECONDS,
    registers,
  });
  return (answer: string, durationMs: number) => {
    since.set(answer, (since.get(answer) ?? 0) + 1);
    if (answers++ % OBSERVED_IN === 0) seconds.observe(durationMs / 1000);
  };
}

/** A gauge that is read when it is scraped. */
export function gaugeOf(metrics: Metrics, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [metrics.registry],
    collect() {
      this.set(read());
    },
  });
}

/** One for each set of labels that `read` gives when it is scraped, and absent for all others. */
export function labelledGaugeOf<Label extends string>(
  metrics: Metrics,
  name: string,
  help: string,
  labelNames: readonly Label[],
  read: () => { labels: Record<Label, string>; value: number }[],
): void {
  new Gauge({
    name,
    help,
    labelNames,
    registers: [metrics.registry],
    collect() {
      this.reset();
      for (const { labels, value } of read()) this.set(labels, value);
    },
  });
}
