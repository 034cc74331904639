/** The gateway: takes ballots over HTTP and records them. */
import type { TokenKey } from "../admission/secrets.ts";
import type { Accepting } from "../casting/accepting.ts";
import { Casting } from "../casting/cast.ts";
import { ClosingWatch } from "../casting/closing-watch.ts";
import { Intake, type IntakeBounds } from "../casting/intake.ts";
import { Lanes } from "../casting/lanes.ts";
import { RatedCapacity } from "../casting/rated-capacity.ts";
import { castingRoutes } from "../casting/routes.ts";
import { VoterBallots } from "../casting/voter-ballots.ts";
import { VoterLimiter } from "../casting/voter-limiter.ts";
import { ContestList } from "../contests/contest-list.ts";
import { contestRoutes } from "../contests/routes.ts";
import type { BodyBounds } from "../http/request.ts";
import { PostgresStreamWriter } from "../postgres/stream-writer.ts";
import { Lane } from "../recording/lane.ts";
import { systemClock as clock } from "../runtime/clock.ts";
import { atMostEvery, failureLog, type Log } from "../runtime/log.ts";
import { gaugeOf, type Metrics } from "../runtime/metrics.ts";
import type { Service } from "../runtime/service.ts";
import { Turns } from "../runtime/turns.ts";
import type { OpenLedger } from "./further-ledgers.ts";
import { DIRECTORY_LIFETIME_MS, type LedgerAccess } from "./ledger.ts";

export type GatewayOptions = {
  /** Null where no election can be buffered. */
  accepting: Accepting | null;
  /** All that ballots may be recorded in. */
  ledgers: readonly OpenLedger[];
  tokenKeys: readonly TokenKey[];
  lanes: number;
  batchBallotsMax: number;
  /** What it is rated for; by default it takes what it can. */
  ballotsPerSecondMax?: number | undefined;
  deadlineMs: number;
  /** How long a ballot's body may take to arrive. */
  bodyTimeoutMs?: number;
  /** How much is taken where the processor is the limit. */
  intake?: IntakeBounds;
  log: Log;
  metrics: Metrics;
};

/** Above the sessions' lock timeout, so that waiting for a lock is known not to be a commit. */
const ATTEMPT_TIMEOUT_MS = 3_000;
/** A thousand copies of one ballot at once are still answered with its receipt. */
const VOTER_BOUND = { requestsMax: 2_000, windowMs: 10_000 };
const SEAL_POLL_MS = 200;
const SEAL_WAITING_MAX = 20_000;
/** Measured in docs/decisions/0019-no-more-under-way-than-is-answered.md and 0020. */
const INTAKE: IntakeBounds = {
  unreadMsMax: 10,
  windowMs: 50,
  underWayMin: 100,
  crowdBallots: 1_000,
  calmMs: 1_000,
};
const LISTED_CONTESTS_MAX = 100;
const BALLOT_BODY: BodyBounds = { bytesMax: 16 * 1024, timeoutMs: 10_000 };

export function openGateway(opened: AsyncDisposableStack, ledger: LedgerAccess, options: GatewayOptions) {
  const { accepting, ballotsPerSecondMax, log, metrics } = options;
  const lanes = new Lanes(Array.from({ length: options.lanes }, () => openLane(opened, ledger, options)));
  gaugeOf(metrics, "urna_waiting_ballots", "Ballots that wait for a batch", () => {
    return lanes.waitingBallots + (accepting?.waitingBallots ?? 0);
  });
  const limiter = new VoterLimiter({ ...VOTER_BOUND, steadyMs: clock.steadyMs });
  const { directory, store } = ledger;
  const list = new ContestList(store, {
    lifetimeMs: DIRECTORY_LIFETIME_MS,
    contestsMax: LISTED_CONTESTS_MAX,
    clock,
  });
  const casting = new Casting({
    tokenKeys: options.tokenKeys,
    directory,
    closing: new ClosingWatch(directory, { pollMs: SEAL_POLL_MS, waitingMax: SEAL_WAITING_MAX, clock }),
    lanes,
    accepting,
    ballots: new VoterBallots(new Map(options.ledgers.map((each) => [each.number, each.finder]))),
    limiter,
    deadlineMs: options.deadlineMs,
    clock,
  });
  const rated = ballotsPerSecondMax === undefined ? null : new RatedCapacity(ballotsPerSecondMax, clock);
  const intake = new Intake({ turns: new Turns(clock), ...(options.intake ?? INTAKE), clock });
  const routes = [
    ...castingRoutes(casting, directory, {
      body: { ...BALLOT_BODY, timeoutMs: options.bodyTimeoutMs ?? BALLOT_BODY.timeoutMs },
      intake,
      rated,
      isFull: () => !intake.letsIn() || (lanes.isFull && (accepting?.isFull ?? true)),
      onAnswer: metrics.castAnswers,
      onUnexpected: failureLog(log),
    }),
    ...contestRoutes(directory, list, Date.now),
  ];
  const services: Service[] = [{ name: "lanes", run: () => lanes.run(), drain: () => lanes.drain() }];
  if (accepting !== null) {
    services.push({
      name: "accepting",
      run: (signal) => accepting.run(signal),
      drain: () => accepting.drain(),
    });
  }
  return { routes, services };
}

function openLane(opened: AsyncDisposableStack, ledger: LedgerAccess, options: GatewayOptions): Lane {
  const { log, metrics } = options;
  const writer = opened.use(
    new PostgresStreamWriter({
      ...ledger.session,
      applicationName: "urna lane",
      connectionString: ledger.databaseUrl,
      writer: `gateway ${process.env.HOSTNAME ?? "local"} ${process.pid}`,
      attemptTimeoutMs: ATTEMPT_TIMEOUT_MS,
    }),
  );
  const failed = atMostEvery(1_000, (unwritten, { outcome, error }: { outcome: string; error: Error }) =>
    log.warn({ err: error, unwritten }, `a batch is ${outcome}, trying again`),
  );
  return new Lane(writer, ledger.finder, {
    batchBallotsMax: options.batchBallotsMax,
    retryPauseMs: 20,
    retryPauseMsMax: 250,
    clock,
    isShut: () => ledger.gate.faults.length > 0 && !ledger.session.overrideGate,
    onAttempt: (outcome, batch, durationMs) => {
      metrics.attempts.inc({ outcome: outcome.outcome });
      metrics.attemptSeconds.observe(durationMs / 1000);
      if (outcome.outcome === "recorded") metrics.batchBallots.observe(batch.ballots.length);
      else if ("error" in outcome) failed(outcome);
    },
  });
}
