/** Calls counted by several processes together, through a real Redis, and by each alone without it. */
import { expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { CallLimiter } from "../../src/http/call-limiter.ts";
import { redisCalls } from "../../src/redis/shared-calls.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { ask } from "../support/redis/cluster.ts";
import { RedisServer } from "../support/redis/server.ts";
import { sharedRedis } from "../support/redis/shared.ts";
import { connectTo } from "./support.ts";

const WINDOW = { callsMax: 10, windowMs: 3_600_000 };

function limiterOn(connection: Awaited<ReturnType<typeof connectTo>>, owner: string, callsMax = 10) {
  const bound = { ...WINDOW, callsMax };
  const shared = redisCalls(connection, { owner, name: "reads", ...bound });
  return new CallLimiter({ ...bound, shared, steadyMs: systemClock.steadyMs, onRefused: () => undefined });
}

/** How many of so many calls were admitted, in turns by the processes. */
async function admitted(limiters: readonly CallLimiter[], caller: string, calls: number): Promise<number> {
  let count = 0;
  for (let i = 0; i < calls; i++) {
    if ((await limiters[i % limiters.length]!.add(caller)) === 0) count++;
  }
  return count;
}

test("the bound is that of all processes together, and each caller's own", async () => {
  using one = await connectTo(await sharedRedis());
  using other = await connectTo(await sharedRedis());
  const owner = randomUUID();
  const limiters = [limiterOn(one, owner), limiterOn(other, owner)];
  expect(await admitted(limiters, "203.0.113.1", 30)).toBe(10);
  expect(await admitted(limiters, "203.0.113.2", 30)).toBe(10);
  expect(await admitted([limiterOn(other, randomUUID())], "203.0.113.1", 30)).toBe(10);
});

test("without Redis, flushed or full, the bound is each process' own", async () => {
  await using server = await RedisServer.start();
  using one = await connectTo(server.address);
  using other = await connectTo(server.address);
  const owner = randomUUID();
  const limiters = [limiterOn(one, owner), limiterOn(other, owner)];
  expect(await admitted(limiters, "203.0.113.1", 8)).toBe(8);
  await ask(server, "FLUSHALL");
  expect(await admitted(limiters, "203.0.113.1", 40)).toBe(10);
  await ask(server, "CONFIG", "SET", "maxmemory", "1mb");
  expect(await admitted(limiters, "203.0.113.2", 40)).toBe(20);
  {
    using _ = server.freeze();
    expect(await admitted(limiters, "203.0.113.3", 40)).toBe(20);
  }
  await server.end("SIGKILL");
  expect(await admitted(limiters, "203.0.113.4", 40)).toBe(20);
});

test.each([
  ["another type", ["RPUSH", "one"]],
  ["no number", ["SET", "garbage"]],
  ["a count without an end in sight", ["SET", "1000000", "EX", "100000000"]],
])("%s under a caller's key refuses nobody", async (_, [command, ...values]) => {
  using connection = await connectTo(await sharedRedis());
  const owner = randomUUID();
  const key = `urna:${owner}:calls:reads:203.0.113.1`;
  await ask({ address: await sharedRedis() }, command!, key, ...values);
  expect(await admitted([limiterOn(connection, owner)], "203.0.113.1", 20)).toBe(10);
});
