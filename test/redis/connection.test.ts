/** The connection while Redis is frozen, killed, full or wrong: bounded, and back by itself. */
import { expect, test } from "bun:test";
import { RedisAwayError } from "../../src/redis/connection.ts";
import { eventually } from "../support/eventually.ts";
import { ask } from "../support/redis/cluster.ts";
import { RedisServer } from "../support/redis/server.ts";
import { sharedRedis } from "../support/redis/shared.ts";
import { connectTo, open, untilAnswered } from "./support.ts";

test("a frozen Redis is waited for once; then commands fail unsent, until it answers again", async () => {
  await using server = await RedisServer.start();
  using connection = await connectTo(server.address);
  const { failures } = connection;
  let sent = 0;
  const get = () =>
    connection.run((client) => {
      sent++;
      return client.get("any");
    });
  {
    using _ = server.freeze();
    await expect(get()).rejects.toMatchObject({
      code: "redis_away",
      cause: { message: "Command timed out" },
    });
    expect(sent).toBe(1);
    expect(connection.isUp).toBe(false);
    for (let i = 0; i < 100; i++) await expect(get()).rejects.toBeInstanceOf(RedisAwayError);
    expect(sent).toBe(1);
    expect(connection.failures - failures).toBe(101);
  }
  await untilAnswered(connection);
  expect(await get()).toBe(null);
  expect(connection.changes.slice(-2)).toEqual([false, true]);
});

test("while it is away one command at a time finds out whether it is back", async () => {
  await using server = await RedisServer.start();
  using connection = await connectTo(server.address);
  using _ = server.freeze();
  let sent = 0;
  const get = () =>
    connection
      .run((client) => {
        sent++;
        return client.get("any");
      })
      .catch(() => undefined);
  await get();
  await eventually("one is sent again", async () => {
    const before = sent;
    await Promise.all(Array.from({ length: 50 }, get));
    expect(sent - before).toBeLessThanOrEqual(1);
    return sent > before;
  });
});

test("a killed Redis is away at once, and found again when it is started again; the channel too", async () => {
  await using server = await RedisServer.start();
  using connection = await connectTo(server.address);
  const heard: string[] = [];
  connection.subscribe("urna:test", (text) => heard.push(text));
  const isHeard = (text: string) =>
    eventually(`${text} is heard`, async () => {
      await ask(server, "PUBLISH", "urna:test", text);
      return heard.includes(text);
    });
  await isHeard("one");
  await server.end("SIGKILL");
  await expect(connection.run((client) => client.ping())).rejects.toBeInstanceOf(RedisAwayError);
  await server.start();
  await untilAnswered(connection);
  await isHeard("two");
});

test("a refusal is an answer: it is told as it came, and shuts nobody out", async () => {
  await using server = await RedisServer.start();
  using connection = await connectTo(server.address);
  await ask(server, "RPUSH", "list", "one");
  await expect(connection.run((client) => client.get("list"))).rejects.toThrow(/^WRONGTYPE/);
  await ask(server, "CONFIG", "SET", "maxmemory", "1mb");
  await expect(connection.run((client) => client.set("any", "one"))).rejects.toThrow(/^OOM/);
  expect(connection.isUp).toBe(true);
});

test("with a wrong password it is away, and Redis' reason is told", async () => {
  await using server = await RedisServer.start({ settings: { requirepass: "right" } });
  using right = await connectTo(server.address.replace("//", "//:right@"));
  expect(right.isUp).toBe(true);
  using wrong = open(server.address.replace("//", "//:wrong@"));
  await eventually("the reason is told", async () => {
    const error = await wrong.run((client) => client.ping()).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(RedisAwayError);
    return /^(NOAUTH|WRONGPASS)/.test(error.cause.message);
  });
});

test("so many commands may be on their way, and no more", async () => {
  using connection = await connectTo(await sharedRedis());
  const held = Promise.withResolvers<void>();
  const waiting = Array.from({ length: 1_000 }, () => connection.run(() => held.promise));
  await expect(connection.run((client) => client.ping())).rejects.toBeInstanceOf(RedisAwayError);
  held.resolve();
  await Promise.all(waiting);
  await untilAnswered(connection);
});
