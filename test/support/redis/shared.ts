/** One Redis for all test files of a run, started when the first one asks: they share it by keys of their own. */
import { afterAll } from "bun:test";
import { RedisServer } from "./server.ts";

let started: Promise<RedisServer> | undefined;

/** Its address: the one in URNA_TEST_REDIS where that is set. Whoever breaks it starts a server of their own. */
export async function sharedRedis(): Promise<string> {
  const given = process.env.URNA_TEST_REDIS;
  if (given) return given;
  started ??= RedisServer.start();
  return (await started).address;
}

afterAll(async () => {
  await (await started)?.[Symbol.asyncDispose]();
});
