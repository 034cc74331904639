/** The roles as processes of their own, on the operator's PostgreSQL: each is scaled by itself. */
import { loadSecrets, loadTokenKeys } from "../admission/secrets-file.ts";
import { createLog, type Log, type LogFormat } from "../runtime/log.ts";
import { createMetrics, type Metrics } from "../runtime/metrics.ts";
import type { NamedLedger } from "../runtime/options.ts";
import type { RedisAddress } from "../runtime/redis-address.ts";
import { buildPages } from "../web/bundle.ts";
import { pageRoutes } from "../web/routes.ts";
import { openAdmin } from "./admin.ts";
import { openAccepting, openBufferedContests } from "./buffering.ts";
import { type OpenLedger, openLedgers, setUpFurtherLedgers } from "./further-ledgers.ts";
import { openGateway } from "./gateway.ts";
import type { Unready } from "./health.ts";
import { kafkaAddress, openKafka } from "./kafka.ts";
import { gateReasons, type LedgerAccess, openLedger } from "./ledger.ts";
import { type Part, serveParts } from "./part.ts";
import { openRecorder } from "./recorder.ts";
import { openRedis, type RedisAccess } from "./redis.ts";
import { openResults } from "./results.ts";
import { refusePendingMigrations, updateSchema } from "./schema.ts";

export type RoleConfig = {
  host: string;
  port: number;
  databaseUrl: string;
  ledgers: NamedLedger[];
  redis?: RedisAddress;
  clientAddressHeader?: string;
  deadlineMs: number;
  unsafeOverrideGate?: boolean;
  logFormat: LogFormat;
  logLevel: string;
};

export type GatewayConfig = RoleConfig & {
  secretsFile?: string;
  kafka?: string;
  lanes: number;
  batchBallotsMax: number;
  ballotsPerSecondMax?: number;
};

export type RecorderConfig = RoleConfig & { kafka: string };

export type AdminConfig = RoleConfig & {
  secretsFile?: string;
  kafka?: string;
  partitions: number;
  adminToken: string;
  drainMs: number;
};

export function runGateway(config: GatewayConfig): Promise<void> {
  const { secretsFile, lanes, batchBallotsMax, ballotsPerSecondMax, deadlineMs } = config;
  const tokenKeys = loadTokenKeys(secretsFile);
  const kafka = config.kafka === undefined ? null : kafkaAddress(config.kafka);
  return runRole("gateway", config, async ({ opened, ledger, log, metrics, openAllLedgers, share }) => {
    await refusePendingMigrations(config.databaseUrl);
    const ledgers = await openAllLedgers();
    const redis = await share();
    const appending = { batchBallotsMax, tokenKeys, redis, log, metrics };
    const buffered = kafka === null ? null : openAccepting(openKafka(opened, kafka), ledger, appending);
    const limits = { lanes, batchBallotsMax, ballotsPerSecondMax, deadlineMs };
    const accepting = buffered?.accepting ?? null;
    const gateway = openGateway(opened, ledger, { tokenKeys, ...limits, accepting, ledgers, log, metrics });
    const others = { routes: [], services: buffered?.services ?? [] };
    // Ballots of buffered elections are taken while the ledger fails over: it must get traffic meanwhile.
    return { parts: [gateway, others], unready: buffered?.unready ?? (() => gateReasons(ledger)) };
  });
}

export function runRecorder(config: RecorderConfig): Promise<void> {
  const address = kafkaAddress(config.kafka);
  return runRole("recorder", config, async ({ opened, ledger, log, metrics, openAllLedgers }) => {
    await refusePendingMigrations(config.databaseUrl);
    const kafka = openKafka(opened, address);
    const ledgers = await openAllLedgers();
    const recorder = openRecorder(opened, ledger, ledgers, kafka, { log, metrics });
    return { parts: [recorder], unready: () => [...ledgers.flatMap(gateReasons), ...recorder.unready()] };
  });
}

export function runResults(config: RoleConfig): Promise<void> {
  return runRole("results", config, async ({ opened, ledger, log, metrics, openAllLedgers, share }) => {
    await refusePendingMigrations(config.databaseUrl);
    const ledgers = await openAllLedgers();
    const pages = pageRoutes(await buildPages({ openAdmission: false }));
    const redis = await share();
    const results = openResults(opened, ledger, { ledgers, redis, log, metrics });
    return { parts: [results, { routes: pages, services: [] }], unready: () => gateReasons(ledger) };
  });
}

export function runAdmin(config: AdminConfig): Promise<void> {
  const { secretsFile, partitions, adminToken, drainMs } = config;
  const secrets = loadSecrets(secretsFile);
  const kafka = config.kafka === undefined ? null : kafkaAddress(config.kafka);
  return runRole("admin", config, async ({ opened, ledger, log, openAllLedgers }) => {
    await updateSchema(config.databaseUrl, log);
    const setUp = await setUpFurtherLedgers(ledger, config.ledgers, log);
    const ledgers = await openAllLedgers();
    const buffered =
      kafka === null
        ? null
        : openBufferedContests(openKafka(opened, kafka), ledger, ledgers, { partitions, log });
    const contests = buffered?.contests ?? null;
    const admin = openAdmin(ledger, { secrets, adminToken, drainMs, buffered: contests, log });
    await admin.reportOtherPeppers();
    const parts = [admin, { routes: [], services: [setUp, ...(buffered?.services ?? [])] }];
    return { parts, unready: () => gateReasons(ledger) };
  });
}

type Opened = {
  opened: AsyncDisposableStack;
  ledger: LedgerAccess;
  log: Log;
  metrics: Metrics;
  openAllLedgers: () => Promise<OpenLedger[]>;
  /** Once the home ledger is set up; null where no Redis is named. */
  share: () => Promise<RedisAccess | null>;
};

type OpenParts = (opened: Opened) => Promise<{ parts: Part[]; unready: Unready }>;

async function runRole(roleName: string, config: RoleConfig, openParts: OpenParts) {
  await using opened = new AsyncDisposableStack();
  const { host, port, databaseUrl, deadlineMs, logFormat, logLevel } = config;
  const overrideGate = config.unsafeOverrideGate ?? false;
  const log = createLog(logFormat, logLevel);
  const metrics = createMetrics();
  const ledger = await openLedger(opened, { databaseUrl, roleName, overrideGate, log, metrics });
  const openAllLedgers = () => openLedgers(opened, ledger, config.ledgers, { roleName, overrideGate, log });
  let sharing: Promise<RedisAccess | null> | undefined;
  const share = () => {
    sharing ??= openRedis(opened, ledger, { address: config.redis, log, metrics });
    return sharing;
  };
  const { parts, unready } = await openParts({ opened, ledger, log, metrics, openAllLedgers, share });
  await serveParts(parts, {
    host,
    port,
    clientAddressHeader: config.clientAddressHeader,
    redis: await share(),
    log,
    metrics,
    unready,
    deadlineMs,
    onListening: ({ url }) => log.info(`${roleName} listens at ${url}`),
  });
}
