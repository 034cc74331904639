/** A connection as roles have it, and what it said. */
import { RedisConnection } from "../../src/redis/connection.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { parseRedisAddress } from "../../src/runtime/redis-address.ts";
import { eventually } from "../support/eventually.ts";

/** Long enough for a machine that has other things to do. */
export const COMMAND_TIMEOUT_MS = 200;

/** Resolves when it answers. */
export async function connectTo(address: string) {
  const connection = open(address);
  await connection.settled();
  await untilAnswered(connection);
  return connection;
}

export function open(address: string) {
  const changes: boolean[] = [];
  const connection = new RedisConnection({
    address: parseRedisAddress(address),
    commandTimeoutMs: COMMAND_TIMEOUT_MS,
    clock: systemClock,
    onChange: (isUp) => changes.push(isUp),
  });
  return Object.assign(connection, { changes });
}

export function untilAnswered(connection: RedisConnection): Promise<string> {
  return eventually("Redis answers", () => connection.run((client) => client.ping()));
}
