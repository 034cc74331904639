/** `urna dev`: every role in one process, on an embedded primary and synchronous standby. */
import { openAdmissionRoute } from "../admission/open-admission.ts";
import { createLog, type LogFormat } from "../runtime/log.ts";
import { createMetrics } from "../runtime/metrics.ts";
import type { NamedLedger } from "../runtime/options.ts";
import type { RedisAddress } from "../runtime/redis-address.ts";
import { buildPages } from "../web/bundle.ts";
import { pageRoutes } from "../web/routes.ts";
import { openAdmin } from "./admin.ts";
import { openBufferedPath } from "./buffering.ts";
import {
  announce,
  keptAdminToken,
  mintForContest,
  offerDemo,
  openDatabase,
  openSecrets,
} from "./dev-setup.ts";
import { openLedgers, setUpFurtherLedgers } from "./further-ledgers.ts";
import { openGateway } from "./gateway.ts";
import { kafkaAddress } from "./kafka.ts";
import { gateReasons, openLedger } from "./ledger.ts";
import { serveParts } from "./part.ts";
import { openRedis } from "./redis.ts";
import { openResults } from "./results.ts";

export type DevConfig = {
  port: number;
  host: string;
  data: string;
  adminToken?: string;
  databaseUrl?: string;
  ledgers: NamedLedger[];
  kafka?: string;
  partitions: number;
  redis?: RedisAddress;
  clientAddressHeader?: string;
  unsafeOverrideGate: boolean;
  deadlineMs: number;
  drainMs: number;
  lanes: number;
  batchBallotsMax: number;
  ballotsPerSecondMax?: number;
  logFormat: LogFormat;
  logLevel: string;
};

export async function runDev(config: DevConfig): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const log = createLog(config.logFormat, config.logLevel);
  const metrics = createMetrics();
  const { host, port, data, unsafeOverrideGate: overrideGate } = config;
  const { deadlineMs, lanes, batchBallotsMax, ballotsPerSecondMax } = config;
  const kafka = config.kafka === undefined ? null : kafkaAddress(config.kafka);

  const databaseUrl = await openDatabase(opened, config, log);
  const ledger = await openLedger(opened, { databaseUrl, roleName: "dev", overrideGate, log, metrics });
  const redis = await openRedis(opened, ledger, { address: config.redis, log, metrics });
  const secrets = await openSecrets(data, ledger.store, log);
  const adminToken = config.adminToken ?? keptAdminToken(data);
  const setUp = await setUpFurtherLedgers(ledger, config.ledgers, log);
  const ledgers = await openLedgers(opened, ledger, config.ledgers, { roleName: "dev", overrideGate, log });
  const buffering = { ...config, ...secrets, kafka, redis, log, metrics };
  const buffered = openBufferedPath(opened, ledger, ledgers, buffering);
  const limits = { lanes, batchBallotsMax, ballotsPerSecondMax, deadlineMs };
  const casting = { ...secrets, ...limits, accepting: buffered?.accepting ?? null };
  const gateway = openGateway(opened, ledger, { ...casting, ledgers, log, metrics });
  const { drainMs } = config;
  const contests = buffered?.contests ?? null;
  const admin = openAdmin(ledger, { secrets, adminToken, drainMs, buffered: contests, log });
  const results = openResults(opened, ledger, { ledgers, redis, log, metrics });
  const openAdmission = openAdmissionRoute(mintForContest(admin.administration, ledger.directory));
  const pages = [openAdmission, ...pageRoutes(await buildPages({ openAdmission: true }))];
  await admin.reportOtherPeppers();
  await offerDemo(admin.administration);

  const others = { routes: pages, services: [setUp] };
  await serveParts([gateway, admin, results, ...(buffered?.parts ?? []), others], {
    host,
    port,
    clientAddressHeader: config.clientAddressHeader,
    redis,
    log,
    metrics,
    unready: () => [...ledgers.flatMap(gateReasons), ...(buffered?.unready() ?? [])],
    deadlineMs,
    onListening: ({ url }) => opened.use(announce(data, { url, adminToken, databaseUrl, pid: process.pid })),
  });
}
