/** What every role opens to reach the ledger. */
import { ContestDirectory } from "../contests/directory.ts";
import { AbandonedCommits } from "../postgres/abandoned-commits.ts";
import { PostgresBallotFinder } from "../postgres/ballot-finder.ts";
import { PostgresContestStore } from "../postgres/contest-store.ts";
import { nodeQuestions } from "../postgres/durability.ts";
import { GateCommit } from "../postgres/gate-commit.ts";
import { cutAllBut, type Session, type SessionOptions } from "../postgres/session.ts";
import { SessionPool } from "../postgres/session-pool.ts";
import { type DurabilityCheck, describeFaults } from "../recording/durability.ts";
import { GateMonitor } from "../recording/gate-monitor.ts";
import { systemClock } from "../runtime/clock.ts";
import { atMostEvery, type Log } from "../runtime/log.ts";
import { gaugeOf, type Metrics } from "../runtime/metrics.ts";
import { ABANDONED_COMMITS_MAX, POOL_SESSIONS_MAX } from "./connections.ts";
import { GateMetrics } from "./gate-metrics.ts";
import type { Reason } from "./health.ts";

/** How long a process may go on believing what it knew of a contest. */
export const DIRECTORY_LIFETIME_MS = 1_000;
/** What the commit of an announcement may take. */
export const CLOSE_ANNOUNCING_MS = 1_000;
/** What clocks may differ by: that much is allowed for between a close and its announcement. */
export const CLOCKS_DIFFER_MS_MAX = 500;
/** A close is announced this long before: the directories' lifetime, what clocks may differ, and its own commit. */
export const CLOSE_NOTICE_MS = DIRECTORY_LIFETIME_MS + CLOCKS_DIFFER_MS_MAX + CLOSE_ANNOUNCING_MS;
/**
 * The same where ballots are buffered: they are taken while the home ledger fails over, so what was known of their
 * contests is believed for longer than that takes, and a close is announced as much longer before.
 */
export const BUFFERED_LIFETIME_MS = 15_000;
export const BUFFERED_CLOSE_NOTICE_MS = BUFFERED_LIFETIME_MS + CLOCKS_DIFFER_MS_MAX + CLOSE_ANNOUNCING_MS;
/**
 * So long after the close a gateway may still answer 202 for a ballot that came before it; and so long after the close
 * barriers are written, at the earliest. What clocks may differ by is between them, once for either side.
 */
export const BUFFERED_PROMISE_MS = 2_000;
export const BUFFERED_DRAIN_MS_MIN = BUFFERED_PROMISE_MS + 2 * CLOCKS_DIFFER_MS_MAX;
/** In metrics and on command lines; further ledgers have names of their own. */
export const HOME_LEDGER_NAME = "home";
/** Sessions outside the lanes wait this long for a lock; always before a commit. */
const LOCK_TIMEOUT_MS = 1_000;
export const TRANSACTION_TIMEOUT_MS = 4_000;
const CONNECT_TIMEOUT_MS = 2_000;
const GATE_POLL_MS = 1_000;
/** While something is wrong. Who can't be asked is connected to anew each time, and nobody has service meanwhile. */
const GATE_HURRIED_POLL_MS = 250;
/** Two questions that are answered: each may take the 2 s that nodes have to answer, and a commit to be confirmed. */
const GATE_AGE_MS_MAX = 5_000;
/** A commit takes milliseconds; a disk that stalls for a checkpoint must not shut the gate. */
const GATE_COMMIT_TIMEOUT_MS = 2_000;

export type LedgerOptions = {
  databaseUrl: string;
  roleName: string;
  overrideGate: boolean;
  log: Log;
  metrics: Metrics;
};

export type LedgerAccess = Awaited<ReturnType<typeof openLedger>>;

export function sessionOptions(applicationName: string): SessionOptions {
  return { applicationName, connectTimeoutMs: CONNECT_TIMEOUT_MS, lockTimeoutMs: LOCK_TIMEOUT_MS };
}

/** The home ledger: elections and contests besides the ballots. */
export async function openLedger(opened: AsyncDisposableStack, options: LedgerOptions) {
  const { databaseUrl, roleName, log, metrics } = options;
  const gates = new GateMetrics(metrics);
  const session = sessionOptions(`urna ${roleName}`);
  const cluster = await openCluster(opened, { ...options, name: HOME_LEDGER_NAME, session, gates });
  const { pool } = cluster;
  const store = new PostgresContestStore(pool, TRANSACTION_TIMEOUT_MS);
  const directory = opened.use(
    new ContestDirectory(store, {
      refreshMs: DIRECTORY_LIFETIME_MS / 2,
      lifetimeMs: DIRECTORY_LIFETIME_MS,
      bufferedLifetimeMs: BUFFERED_LIFETIME_MS,
      contestsMax: 10_000,
      clock: systemClock,
      onError: atMostEvery(1_000, (unwritten, err: Error) =>
        log.warn({ err, unwritten }, "contests could not be read"),
      ),
    }),
  );
  gaugeOf(metrics, "urna_contests_known", "Contests that this process knows", () => directory.size);
  return { ...cluster, databaseUrl, gates, store, directory };
}

export type ClusterOptions = {
  /** The ledger's, for people. */
  name: string;
  databaseUrl: string;
  session: SessionOptions;
  overrideGate: boolean;
  log: Log;
  gates: GateMetrics;
};

/** The PostgreSQL cluster of a ledger: its durability gate, and sessions that acknowledge nothing while it is shut. */
export async function openCluster(opened: AsyncDisposableStack, options: ClusterOptions) {
  const { name, databaseUrl, overrideGate, gates } = options;
  const abandoned = new AbandonedCommits(ABANDONED_COMMITS_MAX);
  const shared = { abandoned, attached: new Set<Session>() };
  const gate = openGate(opened, options, shared);
  gates.add(name, gate);
  await startAsking(opened, gate);
  const session: SessionOptions = {
    ...options.session,
    ...shared,
    gateFaults: () => gate.faults,
    overrideGate,
  };
  const pool = opened.use(
    new SessionPool({
      ...session,
      connectionString: databaseUrl,
      sessionsMax: POOL_SESSIONS_MAX,
      waitingMax: 1_000,
    }),
  );
  const finder = new PostgresBallotFinder(pool, {
    timeoutMs: TRANSACTION_TIMEOUT_MS,
    askersMax: 20_000,
    keysMax: 2_000,
  });
  return { session, pool, finder, gate };
}

function openGate(
  opened: AsyncDisposableStack,
  { name, databaseUrl, log }: Pick<ClusterOptions, "name" | "databaseUrl" | "log">,
  shared: { abandoned: AbandonedCommits; attached: Set<Session> },
): GateMonitor {
  const commit = opened.use(
    new GateCommit({
      ...sessionOptions("urna gate"),
      ...shared,
      connectionString: databaseUrl,
      timeoutMs: GATE_COMMIT_TIMEOUT_MS,
    }),
  );
  const questions = nodeQuestions(databaseUrl, sessionOptions("urna gate"), systemClock);
  for (const question of questions) opened.use(question);
  return new GateMonitor(questions, () => commit.confirm(), {
    pollMs: GATE_POLL_MS,
    hurriedPollMs: GATE_HURRIED_POLL_MS,
    ageMsMax: GATE_AGE_MS_MAX,
    clock: systemClock,
    onChange: (faults) => {
      const ledger = name === HOME_LEDGER_NAME ? "" : ` of ledger ${name}`;
      if (faults.length === 0) log.info(`the durability gate${ledger} is open`);
      else
        log.error(`the durability gate${ledger} is shut, nothing is acknowledged: ${describeFaults(faults)}`);
    },
    onPrimary: (host) => {
      log.info(`${host} is the primary`);
      cutAllBut(host, shared.attached);
    },
  });
}

/** Until the ledger is left: what a role does before it serves may take longer than answers count. */
async function startAsking(opened: AsyncDisposableStack, gate: GateMonitor): Promise<void> {
  const end = new AbortController();
  opened.defer(() => end.abort());
  await gate.check(end.signal);
  // Nobody waits for it: it is over when the process is, and a bug in it ends the process, as an unhandled rejection.
  void gate.run(end.signal);
}

/** Why no ballot is acknowledged now; empty when ballots are. */
export function gateReasons({ gate }: Pick<LedgerAccess, "gate">): Reason[] {
  return gate.faults.map(({ check, found, mend }: DurabilityCheck) => ({ check, found, mend }));
}
