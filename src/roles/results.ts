/** The results role: follows the ledger's blocks and shows what was counted; verifies receipts. */
import { receiptRoutes } from "../auditing/routes.ts";
import { findContest } from "../contests/find-contest.ts";
import { originsAllowedBy } from "../contests/routes.ts";
import { PostgresBlockSource } from "../postgres/blocks.ts";
import { PostgresLeafFinder } from "../postgres/leaf-finder.ts";
import { PostgresRecordFinder } from "../postgres/record-finder.ts";
import { SessionPool } from "../postgres/session-pool.ts";
import { RedisSnapshotRelay } from "../redis/snapshot-relay.ts";
import { Feed } from "../results/feed.ts";
import { Figures, type Tailed } from "../results/figures.ts";
import { resultsRoutes } from "../results/routes.ts";
import { SharedTally } from "../results/shared-tally.ts";
import { Tailer } from "../results/tailer.ts";
import { systemClock } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";
import { gaugeOf, labelledGaugeOf, type Metrics } from "../runtime/metrics.ts";
import type { Service } from "../runtime/service.ts";
import type { OpenLedger } from "./further-ledgers.ts";
import { type LedgerAccess, TRANSACTION_TIMEOUT_MS } from "./ledger.ts";
import type { RedisAccess } from "./redis.ts";

export type ResultsOptions = {
  /** All whose ballots are shown; the home ledger first. */
  ledgers: readonly OpenLedger[];
  redis: RedisAccess | null;
  log: Log;
  metrics: Metrics;
};

const READ_TIMEOUT_MS = 10_000;
/** Nobody waits for what is told: with the time-out of requests a busy machine was silent for a quarter of a second. */
const RELAY_TIMEOUT_MS = 500;
const VIEWERS_MAX = 20_000;
const POLL_MS = 100;
/** With the tailer's poll before it, what is recorded is shown well within half a second. */
const UPDATE_MS = 300;

export function openResults(
  opened: AsyncDisposableStack,
  ledger: LedgerAccess,
  { ledgers, redis, log, metrics }: ResultsOptions,
) {
  const { directory } = ledger;
  const tailers = ledgers.map((each): [OpenLedger, Tailer] => [each, openTailer(opened, each, log)]);
  const shared = redis === null ? [] : shareTallies(tailers, redis, { log, metrics });
  const figures = new Map<number, Tailed>(tailers.map(([{ number }, tailer]) => [number, tailer]));
  for (const { number, tally } of shared) figures.set(number, tally);
  const feed = new Feed(new Figures(figures), directory, {
    viewersMax: VIEWERS_MAX,
    updateMs: UPDATE_MS,
    keepAliveMs: 15_000,
    viewerQueueBytesMax: 64 * 1024,
    clock: systemClock,
  });
  gaugeOf(metrics, "urna_viewers", "Viewers of live results", () => feed.viewers);
  gaugeOf(
    metrics,
    "urna_viewers_dropped",
    "Slow viewers dropped since the start",
    () => feed.dropped.slow_viewer,
  );
  gaugeOf(metrics, "urna_contests_watched", "Contests that have viewers", () => feed.contestsWatched);
  showTailers(
    metrics,
    tailers.map(([{ name, number }, tailer]) => [name, tailer, figures.get(number)!]),
  );
  const routes = [
    ...resultsRoutes(feed, (id) => findContest(directory, id), originsAllowedBy(directory)),
    ...receiptRoutes({ contests: directory, ledgers: new Map(ledgers.map(finderOf)) }),
  ];
  const services: Service[] = [
    { name: "feed", run: (signal) => feed.run(signal), drain: () => feed.drain() },
    ...tailers.map(
      ([{ number }, tailer]): Service => ({
        name: "tailer",
        run: (end) => tailer.run(end, shared.find((each) => each.number === number)?.tally),
      }),
    ),
    ...shared.map(({ tally }): Service => ({ name: "shared tally", run: (end) => tally.run(end) })),
  ];
  return { routes, services };
}

function finderOf({ number, pool }: OpenLedger) {
  const options = { timeoutMs: TRANSACTION_TIMEOUT_MS, askersMax: 20_000, keysMax: 1_000 };
  const leaves = new PostgresLeafFinder(pool, options);
  return [number, { leaves, records: new PostgresRecordFinder(pool, options) }] as const;
}

/** A ledger's own: one that does not answer, or was counted again, makes the others' figures no older. */
function openTailer(opened: AsyncDisposableStack, ledger: OpenLedger, log: Log): Tailer {
  const { name, session, databaseUrl } = ledger;
  // A session of its own: whoever crowds the shared ones must not make the figures old.
  const pool = opened.use(
    new SessionPool({ ...session, connectionString: databaseUrl, sessionsMax: 1, waitingMax: 10 }),
  );
  return new Tailer(new PostgresBlockSource(pool, READ_TIMEOUT_MS), {
    pollMs: POLL_MS,
    retryMsMax: 2_000,
    blocksMax: 5_000,
    now: Date.now,
    log: { warn: (details: object, message: string) => log.warn({ ...details, ledger: name }, message) },
  });
}

/** `shown` is the tailer itself, or the tally that it has a part in. */
function showTailers(
  metrics: Metrics,
  tailers: readonly (readonly [ledger: string, tailer: Tailer, shown: Tailed])[],
): void {
  const gauge = (name: string, help: string, read: (tailer: Tailer, shown: Tailed) => number) =>
    labelledGaugeOf(metrics, name, help, ["ledger"], () =>
      tailers.map(([ledger, tailer, shown]) => ({ labels: { ledger }, value: read(tailer, shown) })),
    );
  gauge("urna_tailer_age_seconds", "Age of the live figures", (_, { asOfMs }) =>
    asOfMs === null ? -1 : (Date.now() - asOfMs) / 1000,
  );
  gauge("urna_tailer_blocks", "Blocks counted since the start", ({ blocks }) => blocks);
  gauge("urna_tailer_failures", "Polls of the ledger that failed", ({ failures }) => failures);
  gauge("urna_tailer_rebuilds", "Times that everything was counted again", ({ rebuilds }) => rebuilds);
}

/** Each ledger's by itself: another process may lead in another one. */
function shareTallies(
  tailers: readonly (readonly [OpenLedger, Tailer])[],
  { connect, owner }: RedisAccess,
  { log, metrics }: { log: Log; metrics: Metrics },
) {
  const connection = connect(RELAY_TIMEOUT_MS);
  const shared = tailers.map(([{ number, name }, tailer]) => {
    const relay = new RedisSnapshotRelay(connection, `${owner}:${number}`, systemClock);
    const onTrust = (isTrusted: boolean) => {
      const told = { ledger: name };
      if (isTrusted) log.info(told, "figures that come through Redis are those of the ledger");
      else log.error(told, "figures that came through Redis are not those of the ledger, and are not shown");
    };
    return { number, name, tally: new SharedTally(tailer, relay, { clock: systemClock, onTrust }) };
  });
  const gauge = (name: string, help: string, read: (tally: SharedTally) => number) =>
    labelledGaugeOf(metrics, name, help, ["ledger"], () =>
      shared.map(({ name: ledger, tally }) => ({ labels: { ledger }, value: read(tally) })),
    );
  gauge("urna_tally_leads", "Whether this process counts for all", ({ leads }) => (leads ? 1 : 0));
  gauge("urna_tally_follows", "Whether it shows what another one counts", ({ follows }) => (follows ? 1 : 0));
  gauge("urna_snapshots_refused", "Snapshots not believed since the start", ({ refused }) => refused);
  return shared;
}
