/** How often one address may call beside the voting path, in all processes together where there is a Redis. */
import { Counter } from "prom-client";
import { OPERATIONS } from "../contract/operations.ts";
import { type CallLimit, CallLimiter } from "../http/call-limiter.ts";
import type { Route } from "../http/server.ts";
import { redisCalls } from "../redis/shared-calls.ts";
import { systemClock } from "../runtime/clock.ts";
import type { Metrics } from "../runtime/metrics.ts";
import type { RedisAccess } from "./redis.ts";

/**
 * Generous, for a school or an office may be one address: what they stop is a program. Voting is limited by voter, in
 * memory (src/casting/voter-limiter.ts).
 */
const LIMITS = {
  /** Definitions, lists and results as of now: read out of memory. */
  reads: { callsMax: 6_000, windowMs: 10_000 },
  /** Streams that are opened. */
  streams: { callsMax: 3_000, windowMs: 10_000 },
  /** A commit that waits for a standby, though many share one. */
  verifications: { callsMax: 1_000, windowMs: 10_000 },
  admissions: { callsMax: 1_000, windowMs: 10_000 },
  /** Wrong tokens. */
  administration: { callsMax: 30, windowMs: 60_000 },
} as const;

type LimitName = keyof typeof LIMITS;

const LIMITED: Record<string, LimitName> = {
  "GET /v1/contests": "reads",
  "GET /v1/contests/:contest": "reads",
  "GET /v1/contests/:contest/results": "reads",
  "GET /v1/contests/:contest/results/stream": "streams",
  "POST /v1/receipts/verify": "verifications",
  "POST /dev/admission": "admissions",
};

const ADMINISTRATION = new Set(
  OPERATIONS.filter(({ token }) => token === "admin").map(
    ({ method, path }) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`,
  ),
);

/** What limits a route; null on the voting path, and for what costs nothing. */
export function limitOf({ method, path }: Pick<Route, "method" | "path">): LimitName | null {
  const call = `${method} ${path}`;
  return ADMINISTRATION.has(call) ? "administration" : (LIMITED[call] ?? null);
}

/** Gives a route its limit; those of one name share one. */
export function openLimits(redis: RedisAccess | null, metrics: Metrics): (route: Route) => Route {
  const refused = new Counter({
    name: "urna_calls_limited_total",
    help: "Calls that were refused because their address made too many, by limit",
    labelNames: ["limit"] as const,
    registers: [metrics.registry],
  });
  const limits = new Map<LimitName, CallLimit>();
  return (route) => {
    const name = limitOf(route);
    if (name === null) return route;
    const limit = limits.get(name) ?? limitNamed(name);
    limits.set(name, limit);
    return { ...route, limit };
  };

  function limitNamed(name: LimitName): CallLimit {
    const bound = LIMITS[name];
    const limiter = new CallLimiter({
      ...bound,
      shared: redis === null ? null : redisCalls(redis.connection, { owner: redis.owner, name, ...bound }),
      steadyMs: systemClock.steadyMs,
      onRefused: () => refused.inc({ limit: name }),
    });
    return { limiter, counts: name === "administration" ? "wrong_tokens" : "calls" };
  }
}
