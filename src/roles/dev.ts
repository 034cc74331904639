/** `urna dev`: every role in one process, on an embedded primary and synchronous standby. */
import { randomBytes } from "node:crypto";
import { openAdmissionRoute } from "../admission/open-admission.ts";
import { serve } from "../http/server.ts";
import { createLog, type LogFormat } from "../runtime/log.ts";
import { createMetrics } from "../runtime/metrics.ts";
import { runUntilSignalled } from "../runtime/service.ts";
import { openAdmin } from "./admin.ts";
import { announce, mintForContest, offerDemo, openDatabase, openSecrets } from "./dev-setup.ts";
import { openGateway } from "./gateway.ts";
import { healthRoutes } from "./health.ts";
import { openLedger } from "./ledger.ts";
import { openResults } from "./results.ts";

export type DevConfig = {
  port: number;
  host: string;
  data: string;
  adminToken?: string;
  databaseUrl?: string;
  unsafeOverrideGate: boolean;
  deadlineMs: number;
  lanes: number;
  logFormat: LogFormat;
  logLevel: string;
};

const BODY_BYTES_MAX = 16 * 1024 * 1024;

export async function runDev(config: DevConfig): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const log = createLog(config.logFormat, config.logLevel);
  const metrics = createMetrics();
  const { deadlineMs, lanes, unsafeOverrideGate: overrideGate } = config;
  const adminToken = config.adminToken ?? randomBytes(24).toString("base64url");

  const databaseUrl = await openDatabase(opened, config, log);
  const ledger = openLedger(opened, { databaseUrl, roleName: "dev", log, metrics });
  const secrets = await openSecrets(config.data, ledger.store, log);
  const gateway = openGateway(opened, ledger, { ...secrets, lanes, deadlineMs, overrideGate, log, metrics });
  const admin = openAdmin(ledger, { secrets, adminToken, deadlineMs, log });
  const results = openResults(ledger, { log, metrics });
  await offerDemo(admin.administration);

  const server = serve({
    hostname: config.host,
    port: config.port,
    bodyBytesMax: BODY_BYTES_MAX,
    onUnexpected: (err) => log.error({ err }, "a request failed unexpectedly"),
    routes: [
      ...gateway.routes,
      ...admin.routes,
      ...results.routes,
      openAdmissionRoute(mintForContest(admin.administration, ledger.directory)),
      ...healthRoutes(metrics, () => ledger.gate.faults.map(({ check, found }) => `${check} is ${found}`)),
    ],
  });
  opened.defer(() => server.stop());
  opened.use(announce(config.data, { url: server.url, adminToken, databaseUrl, pid: process.pid }));
  await runUntilSignalled(
    [...gateway.services, ...admin.services, ...results.services],
    log,
    deadlineMs + 1_000,
  );
}
