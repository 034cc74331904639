/** Calls that all processes count together, in Redis: one key a caller and window, which passes by itself. */
import { RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import type { SharedCalls } from "../http/call-limiter.ts";
import type { RedisConnection } from "./connection.ts";
import { keyOf } from "./keys.ts";

export type SharedCallsOptions = { owner: string; name: string; callsMax: number; windowMs: number };

export function redisCalls(
  connection: RedisConnection,
  { owner, name, callsMax, windowMs }: SharedCallsOptions,
): SharedCalls {
  const limiter = new RateLimiterRedis({
    storeClient: connection.client,
    keyPrefix: keyOf(owner, `calls:${name}`),
    points: callsMax,
    duration: windowMs / 1_000,
  });
  return {
    async add(caller) {
      // It rejects with what it counted where that is too many.
      const counted = await connection.run(() =>
        limiter.consume(caller).catch((thrown) => {
          if (thrown instanceof RateLimiterRes) return thrown;
          throw thrown;
        }),
      );
      const { consumedPoints, msBeforeNext } = counted;
      // What lasts longer than a window is no count of ours.
      return { isOver: consumedPoints > callsMax && msBeforeNext <= windowMs, leftMs: msBeforeNext };
    },
  };
}
