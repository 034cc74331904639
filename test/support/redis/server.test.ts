/** Redis for tests: at least version 7, killed, frozen, and started again. */
import { expect, test } from "bun:test";
import { RedisClient } from "bun";
import { RedisServer } from "./server.ts";
import { sharedRedis } from "./shared.ts";

test("the shared Redis answers, and is of version 7 or later", async () => {
  const client = new RedisClient(await sharedRedis());
  const [, version] = /redis_version:(\d+)/.exec(String(await client.send("INFO", ["server"])))!;
  expect(Number(version)).toBeGreaterThanOrEqual(7);
  client.close();
});

test("one of a test's own has its settings, and is empty after it was killed and started again", async () => {
  await using server = await RedisServer.start({ settings: { maxmemory: "10mb" } });
  const client = new RedisClient(server.address);
  expect(await client.send("CONFIG", ["GET", "maxmemory"])).toEqual({ maxmemory: "10485760" });
  await client.set("voter", "1");
  client.close();
  await server.end("SIGKILL");
  await server.start();
  const again = new RedisClient(server.address);
  expect(await again.get("voter")).toBe(null);
  again.close();
});
