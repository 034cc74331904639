/** A part of a role: what it answers over HTTP and what it does in the background. Parts are served together. */
import { openApiRoute } from "../contract/openapi.ts";
import { type HttpServer, type Route, serve } from "../http/server.ts";
import { failureLog, type Log } from "../runtime/log.ts";
import type { Metrics } from "../runtime/metrics.ts";
import { runUntilSignalled, type Service } from "../runtime/service.ts";
import { healthRoutes, type Reason, type Unready } from "./health.ts";
import { openLimits } from "./limits.ts";
import type { RedisAccess } from "./redis.ts";

export type Part = { routes: Route[]; services: Service[] };

export type ServeOptions = {
  host: string;
  port: number;
  clientAddressHeader: string | undefined;
  redis: RedisAccess | null;
  log: Log;
  metrics: Metrics;
  unready: Unready;
  /** How long answers may take: stopping waits so long for those on their way, and a little longer. */
  deadlineMs: number;
  onListening: (server: HttpServer) => void;
};

const BODY_BYTES_MAX = 16 * 1024 * 1024;
const DRAIN_MARGIN_MS = 1_000;

const STOPPING: Reason = {
  check: "role",
  found: "shutting down",
  mend: "send requests to another one, or start it again",
};

/**
 * Serves until signalled, then is unready at once, and drains in the order of the parts: those that people wait for come
 * first. Then it answers the requests that no service had.
 */
export async function serveParts(parts: readonly Part[], options: ServeOptions): Promise<void> {
  const { host, port, log, metrics, unready, deadlineMs, onListening } = options;
  const limit = openLimits(options.redis, metrics);
  let reasons = unready;
  const server = serve({
    hostname: host,
    port,
    bodyBytesMax: BODY_BYTES_MAX,
    clientAddressHeader: options.clientAddressHeader ?? null,
    onUnexpected: failureLog(log),
    routes: [
      ...parts.flatMap(({ routes }) => routes).map(limit),
      ...healthRoutes(metrics, () => reasons()),
      openApiRoute(),
    ],
  });
  const requests: Service = {
    name: "requests",
    run: (signal) =>
      new Promise((resolve) => signal.addEventListener("abort", () => resolve(server.finish()))),
  };
  try {
    onListening(server);
    const services = [...parts.flatMap((part) => part.services), requests];
    await runUntilSignalled(services, deadlineMs + DRAIN_MARGIN_MS, () => {
      reasons = () => [STOPPING];
      log.info("stopping: what is on its way is finished, nothing new is taken");
    });
  } finally {
    await server.stop();
  }
}
