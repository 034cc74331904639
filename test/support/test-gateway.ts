/** A gateway and administration over HTTP on a database of its own, in this process. */
import { randomUUID } from "node:crypto";
import { parseSecrets, type SecretsText } from "../../src/admission/secrets.ts";
import { drawSecrets } from "../../src/admission/secrets-file.ts";
import type { IntakeBounds } from "../../src/casting/intake.ts";
import type { ContestDefinition } from "../../src/contests/administration.ts";
import { open } from "../../src/contests/transitions.ts";
import { openApiRoute } from "../../src/contract/openapi.ts";
import type { Contest } from "../../src/election/contest.ts";
import { serve } from "../../src/http/server.ts";
import { openAdmin } from "../../src/roles/admin.ts";
import { openLedgers } from "../../src/roles/further-ledgers.ts";
import { openGateway } from "../../src/roles/gateway.ts";
import { openLedger } from "../../src/roles/ledger.ts";
import { createLog } from "../../src/runtime/log.ts";
import { createMetrics } from "../../src/runtime/metrics.ts";
import { eventually } from "./eventually.ts";
import { freshDatabase } from "./shared-cluster.ts";

export const ADMIN_TOKEN = "an-admin-token-for-tests";

export type TestGateway = Awaited<ReturnType<typeof startTestGateway>>;

export type TestGatewayOptions = {
  deadlineMs?: number;
  /** From a contest's close to its seal. */
  drainMs?: number;
  /** How long a ballot's body may take. */
  bodyTimeoutMs?: number;
  lanes?: number;
  batchBallotsMax?: number;
  ballotsPerSecondMax?: number;
  intake?: IntakeBounds;
  secretsText?: SecretsText;
  /** Instead of a fresh one. */
  databaseUrl?: string;
  /** Where failures are meant, they need not be read. */
  logLevel?: "error" | "silent";
};

export async function startTestGateway(options: TestGatewayOptions = {}) {
  const {
    deadlineMs = 5_000,
    drainMs = 1_000,
    bodyTimeoutMs = 5_000,
    lanes = 2,
    batchBallotsMax = 2_000,
  } = options;
  const { secretsText = drawSecrets() } = options;
  const opened = new AsyncDisposableStack();
  const databaseUrl = options.databaseUrl ?? (await freshDatabase());
  const log = createLog("text", options.logLevel ?? "error");
  const metrics = createMetrics();
  const secrets = parseSecrets(secretsText);
  const ledger = await openLedger(opened, {
    ...{ databaseUrl, roleName: "test", overrideGate: false, log, metrics },
  });
  const gateway = openGateway(opened, ledger, {
    tokenKeys: secrets.tokenKeys,
    accepting: null,
    ledgers: await openLedgers(opened, ledger, [], { roleName: "test", overrideGate: false, log }),
    lanes,
    batchBallotsMax,
    ballotsPerSecondMax: options.ballotsPerSecondMax,
    deadlineMs,
    bodyTimeoutMs,
    ...(options.intake === undefined ? {} : { intake: options.intake }),
    log,
    metrics,
  });
  const admin = openAdmin(ledger, { secrets, adminToken: ADMIN_TOKEN, drainMs, buffered: null, log });
  const unexpected: unknown[] = [];
  const routes = [...gateway.routes, ...admin.routes, openApiRoute()];
  const server = serve({
    hostname: "127.0.0.1",
    port: 0,
    bodyBytesMax: 16 * 1024 * 1024,
    routes,
    onUnexpected: (error) => unexpected.push(error),
  });
  opened.defer(() => server.stop());
  const end = new AbortController();
  const services = [...gateway.services, ...admin.services];
  const runs = services.map((service) => service.run(end.signal));

  // Several gateways may share a database.
  const prefix = databaseUrl === options.databaseUrl ? randomUUID().slice(0, 8) : "election";
  let elections = 0;
  const definition: ContestDefinition = {
    title: "A question",
    method: "single-choice",
    options: ["A", "B", "C"],
    allowBlank: false,
    resultsVisible: "live",
    opensAtMs: null,
    closesAtMs: null,
  };
  return {
    url: server.url,
    databaseUrl,
    ledger,
    secrets,
    secretsText,
    metrics,
    routes,
    administration: admin.administration,
    /** Errors that no problem code stands for; a test that expects none should say so. */
    unexpected,
    /** An open contest in an election of its own. */
    async contest(changes: Partial<ContestDefinition> = {}): Promise<Contest> {
      return admin.administration.change((await this.draft(changes)).id, open);
    },
    /** A contest that has not been opened, in an election of its own. */
    async draft(changes: Partial<ContestDefinition> = {}): Promise<Contest> {
      const election = await admin.administration.createElection({
        id: `${prefix}-${++elections}`,
        title: "An election",
        allowedOrigins: ["https://show.example"],
      });
      return admin.administration.createContest(election.id, { ...definition, ...changes });
    },
    async token(contest: Contest, voterId: string, expiresAtMs = Date.now() + 3_600_000): Promise<string> {
      const [token] = await admin.administration.mintVoterTokens(contest.electionId, [voterId], expiresAtMs);
      return token!;
    },
    cast(contestId: string, token: string, body: unknown): Promise<Response> {
      return fetch(`${server.url}/v1/contests/${contestId}/ballots`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    },
    /** The voter's own ballot. */
    find(contestId: string, token: string): Promise<Response> {
      return fetch(`${server.url}/v1/contests/${contestId}/ballot`, {
        headers: { authorization: `Bearer ${token}` },
      });
    },
    /** An administration call. */
    administer(path: string, body: unknown): Promise<Response> {
      return fetch(`${server.url}${path}`, {
        method: "POST",
        headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    },
    /** Waits until the contest is final, and returns it. */
    async untilFinal(contest: Contest): Promise<Contest> {
      return eventually(`${contest.id} is final`, async () => {
        const found = await ledger.directory.fresh(contest.id);
        return found?.finalAtMs == null ? null : found;
      }) as Promise<Contest>;
    },
    async [Symbol.asyncDispose]() {
      for (const service of services) service.drain?.();
      end.abort();
      await Promise.all(runs);
      await opened[Symbol.asyncDispose]();
    },
  };
}
