/** What every role opens to reach the ledger. */
import { ContestDirectory } from "../contests/directory.ts";
import { PostgresBallotFinder } from "../postgres/ballot-finder.ts";
import { PostgresContestStore } from "../postgres/contest-store.ts";
import { readClusterFacts } from "../postgres/durability.ts";
import type { SessionOptions } from "../postgres/session.ts";
import { SessionPool } from "../postgres/session-pool.ts";
import { describeFaults } from "../recording/durability.ts";
import { GateMonitor } from "../recording/gate-monitor.ts";
import { systemClock } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";
import type { Metrics } from "../runtime/metrics.ts";
import type { Service } from "../runtime/service.ts";

/** How long a process may go on believing what it knew of a contest. */
export const DIRECTORY_LIFETIME_MS = 1_000;
/** A close is announced this long before: the directories' lifetime, what clocks may differ, and its own commit. */
export const CLOSE_ANNOUNCING_MS = 1_000;
const CLOCKS_DIFFER_MS_MAX = 500;
export const CLOSE_NOTICE_MS = DIRECTORY_LIFETIME_MS + CLOCKS_DIFFER_MS_MAX + CLOSE_ANNOUNCING_MS;
/** Sessions outside the lanes wait this long for a lock; always before a commit. */
const LOCK_TIMEOUT_MS = 1_000;
const TRANSACTION_TIMEOUT_MS = 4_000;
const CONNECT_TIMEOUT_MS = 2_000;
const GATE_POLL_MS = 1_000;

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

export async function openLedger(
  opened: AsyncDisposableStack,
  { databaseUrl, roleName, overrideGate, log, metrics }: LedgerOptions,
) {
  const gate = new GateMonitor(() => readClusterFacts(databaseUrl, sessionOptions("urna gate")), {
    pollMs: GATE_POLL_MS,
    onChange: (faults) => {
      metrics.gateFaults.set(faults.length);
      if (faults.length === 0) log.info("the durability gate is open: ballots are acknowledged");
      else log.error(`the durability gate is shut, no ballot is acknowledged: ${describeFaults(faults)}`);
    },
  });
  await gate.check();
  const session = { ...sessionOptions(`urna ${roleName}`), gateFaults: () => gate.faults, overrideGate };
  const pool = opened.use(
    new SessionPool({ ...session, connectionString: databaseUrl, sessionsMax: 8, waitingMax: 1_000 }),
  );
  const store = new PostgresContestStore(pool, TRANSACTION_TIMEOUT_MS);
  const directory = opened.use(
    new ContestDirectory(store, {
      refreshMs: DIRECTORY_LIFETIME_MS / 2,
      lifetimeMs: DIRECTORY_LIFETIME_MS,
      contestsMax: 10_000,
      clock: systemClock,
      onError: (err) => log.warn({ err }, "contests could not be read"),
    }),
  );
  const finder = new PostgresBallotFinder(pool, {
    timeoutMs: TRANSACTION_TIMEOUT_MS,
    askersMax: 20_000,
    keysMax: 2_000,
  });
  const gateService: Service = { name: "durability gate", run: (signal) => gate.run(signal) };
  return { databaseUrl, session, pool, store, directory, finder, gate, gateService };
}

/** Why no ballot is acknowledged now, in words; empty when ballots are. */
export function gateReasons({ gate }: LedgerAccess): string[] {
  return gate.faults.map(({ check, found }) => `${check} is ${found}`);
}
