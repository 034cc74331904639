/** A text that processes share, through a real Redis. */
import { expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { RedisSharedText } from "../../src/redis/shared-text.ts";
import { eventually } from "../support/eventually.ts";
import { ask } from "../support/redis/cluster.ts";
import { RedisServer } from "../support/redis/server.ts";
import { sharedRedis } from "../support/redis/shared.ts";
import { connectTo, open } from "./support.ts";

const KEY = { name: "contests", lifetimeMs: 60_000, bytesMax: 100 };

test("what one writes all others of the deployment read, and it is replaced as a whole", async () => {
  using one = await connectTo(await sharedRedis());
  using other = await connectTo(await sharedRedis());
  const owner = randomUUID();
  const [writer, reader] = [one, other].map((each) => new RedisSharedText(each, { ...KEY, owner }));
  expect(await reader!.read()).toBeNull();
  for (const text of ["a longer one", "short"]) {
    writer!.write(text);
    await eventually(`${text} is read`, async () => (await reader!.read()) === text);
  }
  expect(await new RedisSharedText(other, { ...KEY, owner: randomUUID() }).read()).toBeNull();
});

test("it passes by itself", async () => {
  using connection = await connectTo(await sharedRedis());
  const text = new RedisSharedText(connection, { ...KEY, owner: randomUUID(), lifetimeMs: 50 });
  await eventually("it is there", async () => {
    text.write("soon gone");
    return (await text.read()) !== null;
  });
  await eventually("it is gone", async () => (await text.read()) === null);
});

test("what is no text under its key is nothing, and is replaced", async () => {
  await using server = await RedisServer.start();
  using connection = await connectTo(server.address);
  const owner = randomUUID();
  await ask(server, "RPUSH", `urna:${owner}:contests`, "one");
  const text = new RedisSharedText(connection, { ...KEY, owner });
  expect(await text.read()).toBeNull();
  text.write("a text");
  await eventually("it is read", async () => (await text.read()) === "a text");
});

test("one that is too long is not kept, and of what others put there no more is read", async () => {
  using connection = await connectTo(await sharedRedis());
  const owner = randomUUID();
  const text = new RedisSharedText(connection, { ...KEY, owner });
  for (const written of ["é".repeat(50), "é".repeat(51)]) text.write(written);
  await eventually("what fits is kept", async () => (await text.read()) === "é".repeat(50));
  await connection.run((client) => client.set(`urna:${owner}:contests`, "x".repeat(1_000)));
  expect(await text.read()).toBe("x".repeat(100));
});

test("while Redis is frozen or gone it reads as nothing, and one that is only being connected to is waited for", async () => {
  await using server = await RedisServer.start();
  using connection = open(server.address);
  const owner = randomUUID();
  await ask(server, "SET", `urna:${owner}:contests`, "a text");
  const text = new RedisSharedText(connection, { ...KEY, owner });
  expect(await text.read()).toBe("a text");
  {
    using _ = server.freeze();
    expect(await text.read()).toBeNull();
    text.write("unwritten");
  }
  await server.end("SIGKILL");
  expect(await text.read()).toBeNull();
});
