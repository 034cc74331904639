/** Who leads, and what is heard of it, through a real Redis. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { RedisSnapshotRelay } from "../../src/redis/snapshot-relay.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { Network } from "../faults/cluster/network.ts";
import { eventually } from "../support/eventually.ts";
import { handClock } from "../support/hand-clock.ts";
import { ask } from "../support/redis/cluster.ts";
import { RedisServer } from "../support/redis/server.ts";
import { connectTo } from "./support.ts";

const opened = new AsyncDisposableStack();
let server: RedisServer;
beforeAll(async () => {
  server = opened.use(await RedisServer.start());
});
afterAll(() => opened.disposeAsync());

/** A process of a deployment: its relay, and what it heard. */
async function join(owner: string, { address = server.address, clock = systemClock } = {}) {
  const relay = new RedisSnapshotRelay(opened.use(await connectTo(address)), owner, clock);
  const heard: string[] = [];
  relay.onMessage((text) => heard.push(text));
  return { relay, heard };
}

const lease = (owner: string) => `urna:${owner}:tally-leader`;

test("one leads, and goes on leading; another one does when it resigns or is not heard of", async () => {
  const owner = randomUUID();
  const [ana, ben] = [await join(owner), await join(owner)];
  expect(await ana.relay.lead(60_000)).toBe(true);
  expect(await ben.relay.lead(60_000)).toBe(false);
  expect(await ana.relay.lead(60_000)).toBe(true);
  await ben.relay.resign();
  expect(await ben.relay.lead(60_000)).toBe(false);
  await ana.relay.resign();
  expect(await ben.relay.lead(50)).toBe(true);
  await eventually("ben's lease has passed", () => ana.relay.lead(60_000));
});

test("what is told is heard by everybody in the deployment, and in no other one", async () => {
  const [one, other] = [randomUUID(), randomUUID()];
  const [ana, ben, eve] = [await join(one), await join(one), await join(other)];
  await eventually("all hear", () => {
    ana.relay.tell("of one");
    eve.relay.tell("of another");
    return ana.heard.length > 0 && ben.heard.length > 0 && eve.heard.length > 0;
  });
  expect(new Set([...ana.heard, ...ben.heard])).toEqual(new Set(["of one"]));
  expect(new Set(eve.heard)).toEqual(new Set(["of another"]));
  expect(await ana.relay.lead(60_000)).toBe(true);
  expect(await eve.relay.lead(60_000)).toBe(true);
});

test("whoever comes hears at once what was told last, also while nobody leads", async () => {
  const owner = randomUUID();
  const ana = await join(owner);
  for (const text of ["one", "two"]) ana.relay.tell(text);
  await eventually(
    "it is kept",
    async () => (await ask(server, "GET", `urna:${owner}:tally-latest`)) === "two",
  );
  const ben = await join(owner);
  await eventually("ben has heard it", () => ben.heard.length > 0);
  expect(ben.heard).toEqual(["two"]);
});

test.each([
  ["of another type", ["RPUSH", "one"]],
  ["without an end", ["SET", "somebody"]],
  ["that lasts for days", ["SET", "somebody", "EX", "1000000"]],
])("a lease %s is no lease", async (_, [command, ...values]) => {
  const owner = randomUUID();
  const { relay } = await join(owner);
  await ask(server, command!, lease(owner), ...values);
  expect(await relay.lead(60_000)).toBe(true);
});

test("whoever can't ask does not lead", async () => {
  await using own = await RedisServer.start();
  const { relay } = await join(randomUUID(), own);
  using _ = own.freeze();
  expect(await relay.lead(60_000)).toBe(false);
});

test("a subscription whose other end is gone without a word is made again once another process leads unheard", async () => {
  using network = new Network();
  await network.connect("ben", "redis", server.port);
  const owner = randomUUID();
  const clock = handClock();
  const [ana, ben] = [
    await join(owner),
    await join(owner, { address: `redis://127.0.0.1:${network.port("ben", "redis")}`, clock }),
  ];
  const isHeard = (text: string) =>
    eventually(`${text} is heard`, () => {
      ana.relay.tell(text);
      return ben.heard.includes(text);
    });
  await isHeard("one");
  await ask(server, "CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "no");
  await isHeard("two");
  const clients = await ask(server, "CLIENT", "LIST", "TYPE", "pubsub");
  expect(await ana.relay.lead(60_000)).toBe(true);
  expect(await ben.relay.lead(60_000)).toBe(false);
  clock.nowMs += 10_000;
  expect(await ben.relay.lead(60_000)).toBe(false);
  await eventually("ben's subscription is another one", async () => {
    const now = await ask(server, "CLIENT", "LIST", "TYPE", "pubsub");
    return ids(now).some((id) => !ids(clients).includes(id));
  });
  await isHeard("three");
});

function ids(list: string): string[] {
  return [...list.matchAll(/^id=(\d+)/gm)].map(([, id]) => id!);
}
