/** A real Redis Cluster: several hosts in the address, keys and channels on whichever node they belong to. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { RedisAwayError } from "../../src/redis/connection.ts";
import { redisCalls } from "../../src/redis/shared-calls.ts";
import { RedisSnapshotRelay } from "../../src/redis/snapshot-relay.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { eventually } from "../support/eventually.ts";
import { RedisCluster } from "../support/redis/cluster.ts";
import { connectTo } from "./support.ts";

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await RedisCluster.start();
});
afterAll(() => cluster[Symbol.asyncDispose]());

test("leases, messages and counts go through every node", async () => {
  using one = await connectTo(cluster.address);
  using other = await connectTo(cluster.address);
  // Their keys are all over the slots.
  for (let i = 0; i < 12; i++) {
    const owner = randomUUID();
    const [ana, ben] = [one, other].map((each) => new RedisSnapshotRelay(each, owner, systemClock)) as [
      RedisSnapshotRelay,
      RedisSnapshotRelay,
    ];
    expect(await ana.lead(60_000)).toBe(true);
    expect(await ben.lead(60_000)).toBe(false);
    const heard: string[] = [];
    ben.onMessage((text) => heard.push(text));
    await eventually("ben hears", () => {
      ana.tell("one");
      return heard.length > 0;
    });
    const calls = redisCalls(one, { owner, name: "reads", callsMax: 1, windowMs: 60_000 });
    expect(await calls.add("203.0.113.1")).toMatchObject({ isOver: false });
    expect(await calls.add("203.0.113.1")).toMatchObject({ isOver: true });
  }
});

test("a node that is frozen or killed is away, and found again", async () => {
  using connection = await connectTo(cluster.address);
  const [node] = cluster.nodes;
  const owner = randomUUID();
  const keys = Array.from({ length: 30 }, (_, i) => `urna:${owner}:${i}`);
  const getAll = () => Promise.all(keys.map((key) => connection.run((client) => client.get(key))));
  await eventually("every node is connected to", getAll);
  {
    using _ = node!.freeze();
    await expect(getAll()).rejects.toBeInstanceOf(RedisAwayError);
  }
  await eventually("all nodes answer", getAll);
  await node!.end("SIGKILL");
  await expect(getAll()).rejects.toBeInstanceOf(RedisAwayError);
  await node!.start();
  await cluster.untilServing();
  await eventually("all nodes answer again", getAll);
  const [relay, told] = [new RedisSnapshotRelay(connection, owner, systemClock), [] as string[]];
  relay.onMessage((text) => told.push(text));
  await eventually("messages are heard again", () => {
    relay.tell("one");
    return told.length > 0;
  });
});
