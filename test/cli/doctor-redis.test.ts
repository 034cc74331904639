/** What the doctor says of a real Redis. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { redisChecks } from "../../src/cli/doctor-redis.ts";
import { parseRedisAddress } from "../../src/runtime/redis-address.ts";
import { ask, RedisCluster } from "../support/redis/cluster.ts";
import { RedisServer } from "../support/redis/server.ts";
import { freshDatabase } from "../support/shared-cluster.ts";
import { runUrna } from "../support/urna-process.ts";

const SANE = { maxmemory: "64mb", "maxmemory-policy": "volatile-lru" };

let server: RedisServer;
beforeAll(async () => {
  server = await RedisServer.start({ settings: SANE });
});
afterAll(() => server[Symbol.asyncDispose]());

/** What the doctor finds, but for how fast the machine is that the tests run on. */
async function checksOf(address: string) {
  const checks = await redisChecks(parseRedisAddress(address));
  return checks.map((each) => (each.check.endsWith("answers") ? { ...each, ok: true } : each));
}

/** Of what is wrong, the check's name without the host, and what was found. */
async function wrong(address: string): Promise<string[]> {
  const checks = await checksOf(address);
  for (const { mend } of checks) expect(mend).not.toBe("");
  return checks
    .filter(({ ok }) => !ok)
    .map(({ check, found }) => `${check.replace(/127\.0\.0\.1:\d+ /, "")}: ${found}`);
}

test("all is well, and every check is told", async () => {
  const checks = await checksOf(server.address);
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  expect(checks.map(({ check }) => check.split(" ").at(-1))).toEqual([
    ...["reachable", "version", "maxmemory", "answers", "cluster", "TLS"],
  ]);
});

test("without a Redis there is nothing to check", async () => {
  expect(await redisChecks(undefined)).toEqual([]);
});

test.each([
  [{ maxmemory: "0" }, "redis maxmemory: without a bound, volatile-lru"],
  [{ "maxmemory-policy": "noeviction" }, "redis maxmemory: 64 MB, noeviction"],
])("memory as with %p is wrong", async (settings, found) => {
  for (const [name, value] of Object.entries(settings)) await ask(server, "CONFIG", "SET", name, value);
  try {
    expect(await wrong(server.address)).toEqual([found]);
  } finally {
    for (const [name, value] of Object.entries(SANE)) await ask(server, "CONFIG", "SET", name, value);
  }
});

test("one that is not there, that wants a password, or that speaks no TLS", async () => {
  await using own = await RedisServer.start({ settings: { ...SANE, requirepass: "secret" } });
  await using gone = await RedisServer.start();
  await gone.end("SIGKILL");
  expect(await wrong(gone.address)).toEqual([expect.stringMatching(/^redis reachable: .*ECONNREFUSED/)]);
  expect(await wrong(own.address)).toEqual([expect.stringMatching(/^redis reachable: .*NOAUTH/)]);
  expect(await wrong(own.address.replace("//", "//:secret@"))).toEqual([]);
  expect(await wrong(server.address.replace("redis:", "rediss:"))).toEqual([
    expect.stringMatching(/^redis reachable: /),
  ]);
});

test("a cluster is named by several of its nodes, serves every slot, and nothing else is one", async () => {
  await using cluster = await RedisCluster.start();
  for (const node of cluster.nodes) {
    for (const [name, value] of Object.entries(SANE)) await ask(node, "CONFIG", "SET", name, value);
  }
  expect(await wrong(cluster.address)).toEqual([]);
  const [first] = cluster.nodes;
  expect(await wrong(first!.address)).toEqual([
    "redis cluster: a node of a cluster, ok; URNA_REDIS names one host",
  ]);
  expect(await wrong(`${server.address},127.0.0.1:${server.port}`)).toEqual([
    ...new Array(2).fill("redis cluster: by itself; URNA_REDIS names several hosts, a cluster's"),
  ]);
  await ask(first!, "CLUSTER", "DELSLOTS", "1");
  expect(await wrong(first!.address)).toEqual([
    expect.stringMatching(/^redis cluster: a node of a cluster, fail: 16383 of 16384 slots/),
  ]);
});

test("votes are safe without it: that is said, and so is that it is not well", async () => {
  const databaseUrl = await freshDatabase();
  const doctor = (...flags: string[]) => runUrna("doctor", "--database-url", databaseUrl, ...flags);
  await ask(server, "CONFIG", "SET", "maxmemory", "0");
  const text = await doctor("--redis", server.address);
  expect(text.stdout).toMatch(
    /^WRONG {2}redis .* maxmemory: without a bound.*\n {7}mend: CONFIG SET maxmemory/m,
  );
  expect(text.stdout).toMatch(/\nsafe to take votes; Redis is not as it should be\n$/);
  expect(text.exitCode).toBe(1);
  const json = await doctor("--redis", server.address, "--json");
  const { safe, checks } = JSON.parse(json.stdout) as {
    safe: boolean;
    checks: { check: string; ok: boolean }[];
  };
  expect(safe).toBe(true);
  const wrongOnes = checks.filter(({ ok }) => !ok).map(({ check }) => check);
  expect(wrongOnes).toContainEqual(expect.stringMatching(/^redis .* maxmemory$/));
});

test("an address that is none is refused before anybody is asked, and not quoted", async () => {
  const { exitCode, stderr } = await runUrna("doctor", "--redis", "redis://:secret@");
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/^urna: --redis \(URNA_REDIS\) has a host that is none/);
  expect(stderr).not.toContain("secret");
});
