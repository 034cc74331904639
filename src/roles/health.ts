/** Liveness, readiness and metrics of any role. */
import { json } from "../http/respond.ts";
import type { Route } from "../http/server.ts";
import type { Metrics } from "../runtime/metrics.ts";

/** What was looked at, what was found, and what to do about it. */
export type Reason = { check: string; found: string; mend: string };

/** Why the role should get no traffic now; empty when it should. */
export type Unready = () => Reason[];

export function healthRoutes(metrics: Metrics, unready: Unready): Route[] {
  return [
    { method: "GET", path: "/healthz", handle: () => json({ status: "alive" }) },
    {
      method: "GET",
      path: "/readyz",
      handle: () => {
        const reasons = unready();
        return json(
          { status: reasons.length === 0 ? "ready" : "not_ready", reasons },
          reasons.length === 0 ? 200 : 503,
        );
      },
    },
    {
      method: "GET",
      path: "/metrics",
      handle: async () =>
        new Response(await metrics.registry.metrics(), {
          headers: { "content-type": metrics.registry.contentType },
        }),
    },
  ];
}
