/** The roles as processes of their own, on the operator's PostgreSQL: each is scaled by itself. */
import { loadSecrets, loadTokenKeys } from "../admission/secrets-file.ts";
import { createLog, type Log, type LogFormat } from "../runtime/log.ts";
import { createMetrics, type Metrics } from "../runtime/metrics.ts";
import { buildPages } from "../web/bundle.ts";
import { pageRoutes } from "../web/routes.ts";
import { openAdmin } from "./admin.ts";
import { openLedgers } from "./further-ledgers.ts";
import { openGateway } from "./gateway.ts";
import { gateReasons, type LedgerAccess, openLedger } from "./ledger.ts";
import { type Part, serveParts } from "./part.ts";
import { openResults } from "./results.ts";
import { refusePendingMigrations, updateSchema } from "./schema.ts";

export type RoleConfig = {
  host: string;
  port: number;
  databaseUrl: string;
  deadlineMs: number;
  unsafeOverrideGate?: boolean;
  logFormat: LogFormat;
  logLevel: string;
};

export type GatewayConfig = RoleConfig & { secretsFile?: string; lanes: number; batchBallotsMax: number };

export type AdminConfig = RoleConfig & { secretsFile?: string; adminToken: string; drainMs: number };

export function runGateway(config: GatewayConfig): Promise<void> {
  const { secretsFile, lanes, batchBallotsMax, deadlineMs } = config;
  const tokenKeys = loadTokenKeys(secretsFile);
  return runRole("gateway", config, async ({ opened, ledger, log, metrics }) => {
    await refusePendingMigrations(config.databaseUrl);
    const options = { tokenKeys, lanes, batchBallotsMax, deadlineMs, accepting: null, log, metrics };
    return [openGateway(opened, ledger, options)];
  });
}

export function runResults(config: RoleConfig): Promise<void> {
  return runRole("results", config, async ({ opened, ledger, log, metrics }) => {
    await refusePendingMigrations(config.databaseUrl);
    const overrideGate = config.unsafeOverrideGate ?? false;
    const ledgers = await openLedgers(opened, ledger, [], { roleName: "results", overrideGate, log });
    const pages = pageRoutes(await buildPages({ openAdmission: false }));
    return [openResults(opened, ledger, { ledgers, log, metrics }), { routes: pages, services: [] }];
  });
}

export function runAdmin(config: AdminConfig): Promise<void> {
  const { secretsFile, adminToken, drainMs } = config;
  const secrets = loadSecrets(secretsFile);
  return runRole("admin", config, async ({ ledger, log }) => {
    await updateSchema(config.databaseUrl, log);
    const admin = openAdmin(ledger, { secrets, adminToken, drainMs, buffered: null, log });
    await admin.reportOtherPeppers();
    return [admin];
  });
}

type Parts = { opened: AsyncDisposableStack; ledger: LedgerAccess; log: Log; metrics: Metrics };

async function runRole(name: string, config: RoleConfig, openParts: (parts: Parts) => Promise<Part[]>) {
  await using opened = new AsyncDisposableStack();
  const { host, port, databaseUrl, deadlineMs, logFormat, logLevel } = config;
  const overrideGate = config.unsafeOverrideGate ?? false;
  const log = createLog(logFormat, logLevel);
  const metrics = createMetrics();
  const ledger = await openLedger(opened, { databaseUrl, roleName: name, overrideGate, log, metrics });
  await serveParts(await openParts({ opened, ledger, log, metrics }), {
    host,
    port,
    log,
    metrics,
    unready: () => gateReasons(ledger),
    deadlineMs,
    onListening: ({ url }) => log.info(`${name} listens at ${url}`),
  });
}
