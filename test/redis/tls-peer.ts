/** A process with its own idea of whom TLS believes: says PONG, or why Redis is away. */
import { RedisConnection } from "../../src/redis/connection.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { parseRedisAddress } from "../../src/runtime/redis-address.ts";

using connection = new RedisConnection({
  address: parseRedisAddress(process.argv[2]!),
  commandTimeoutMs: 1_000,
  clock: systemClock,
  onChange: () => undefined,
});
await connection.settled();
console.log(
  await connection
    .run((client) => client.ping())
    .catch(({ message, cause }) => `${message}: ${cause?.message}`),
);
