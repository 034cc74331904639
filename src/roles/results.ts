/** The results role: follows the ledger's blocks and shows what was counted; verifies receipts. */
import { receiptRoutes } from "../auditing/routes.ts";
import { findContest } from "../contests/find-contest.ts";
import { originsAllowedBy } from "../contests/routes.ts";
import { PostgresBlockSource } from "../postgres/blocks.ts";
import { PostgresLeafFinder } from "../postgres/leaf-finder.ts";
import { SessionPool } from "../postgres/session-pool.ts";
import { Feed } from "../results/feed.ts";
import { resultsRoutes } from "../results/routes.ts";
import { Tailer } from "../results/tailer.ts";
import { systemClock } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";
import { gaugeOf, type Metrics } from "../runtime/metrics.ts";
import type { Service } from "../runtime/service.ts";
import { type LedgerAccess, TRANSACTION_TIMEOUT_MS } from "./ledger.ts";

export type ResultsOptions = { log: Log; metrics: Metrics };

const READ_TIMEOUT_MS = 10_000;
const VIEWERS_MAX = 20_000;
const POLL_MS = 100;
/** With the tailer's poll before it, what is recorded is shown well within half a second. */
const UPDATE_MS = 300;

export function openResults(
  opened: AsyncDisposableStack,
  ledger: LedgerAccess,
  { log, metrics }: ResultsOptions,
) {
  const { pool, directory, databaseUrl, session } = ledger;
  // A session of its own: whoever crowds the shared ones must not make the figures old.
  const tailerPool = opened.use(
    new SessionPool({ ...session, connectionString: databaseUrl, sessionsMax: 1, waitingMax: 10 }),
  );
  const tailer = new Tailer(new PostgresBlockSource(tailerPool, READ_TIMEOUT_MS), {
    pollMs: POLL_MS,
    retryMsMax: 2_000,
    blocksMax: 5_000,
    now: Date.now,
    log,
  });
  const feed = new Feed(tailer, directory, {
    viewersMax: VIEWERS_MAX,
    updateMs: UPDATE_MS,
    keepAliveMs: 15_000,
    viewerQueueBytesMax: 64 * 1024,
    clock: systemClock,
  });
  const leaves = new PostgresLeafFinder(pool, {
    timeoutMs: TRANSACTION_TIMEOUT_MS,
    askersMax: 20_000,
    keysMax: 1_000,
  });
  gaugeOf(metrics, "urna_viewers", "Viewers of live results", () => feed.viewers);
  gaugeOf(
    metrics,
    "urna_viewers_dropped",
    "Slow viewers dropped since the start",
    () => feed.dropped.slow_viewer,
  );
  gaugeOf(metrics, "urna_tailer_age_seconds", "Age of the live figures", () =>
    tailer.asOfMs === null ? -1 : (Date.now() - tailer.asOfMs) / 1000,
  );
  gaugeOf(metrics, "urna_contests_watched", "Contests that have viewers", () => feed.contestsWatched);
  gaugeOf(metrics, "urna_tailer_blocks", "Blocks counted since the start", () => tailer.blocks);
  gaugeOf(metrics, "urna_tailer_failures", "Polls of the ledger that failed", () => tailer.failures);
  gaugeOf(metrics, "urna_tailer_rebuilds", "Times that everything was counted again", () => tailer.rebuilds);
  const routes = [
    ...resultsRoutes(feed, (id) => findContest(directory, id), originsAllowedBy(directory)),
    ...receiptRoutes(leaves),
  ];
  const services: Service[] = [
    { name: "feed", run: (signal) => feed.run(signal), drain: () => feed.drain() },
    { name: "tailer", run: (signal) => tailer.run(signal) },
  ];
  return { routes, services };
}
