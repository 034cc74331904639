/**
 * Redis is flushed, frozen, killed, full, filled with what does not belong there, and lies: people vote on as if nothing
 * were, both results processes go on showing what the ledger has, and share their work again once Redis is well.
 */
import { RedisClient } from "bun";
import { parseSnapshot, snapshotText } from "../../src/results/snapshot.ts";
import { eventually } from "../support/eventually.ts";
import type { Role } from "./cluster/role.ts";
import type { Fault, Stage } from "./fault.ts";

/** So many ballots are acknowledged while something is wrong with Redis. */
const BALLOTS = 15;
/** By whoever lies, to every count: far more than anybody casts here. */
const VOTES_ADDED = 1_000_000;

export const redisLost: Fault = {
  cluster: { redis: true },
  name: "redis-lost-stale-or-lying-is-harmless",
  async run(stage) {
    await untilShared(stage);
    const ills: [string, () => Promise<() => unknown>][] = [
      ["flushed", () => flush(stage)],
      ["frozen", async () => freeze(stage)],
      ["killed", () => kill(stage)],
      ["full", () => fill(stage)],
      ["filled with other things", () => litter(stage)],
    ];
    for (const [name, befall] of shuffled(stage.random, ills)) {
      stage.event(`Redis is ${name}`);
      const mend = await befall();
      await showsOn(stage);
      stage.event("figures are shown all the same");
      await mend();
      await untilShared(stage);
      stage.event("Redis is well, and figures are shared again");
    }
    await lie(stage);
  },
};

/** In any order. */
function shuffled<Item>(random: Stage["random"], items: readonly Item[]): Item[] {
  const ranked = items.map((item) => ({ item, rank: random.fraction() }));
  return ranked.sort((one, other) => one.rank - other.rank).map(({ item }) => item);
}

function clientOf(address: string): RedisClient & Disposable {
  const client = new RedisClient(address);
  return Object.assign(client, { [Symbol.dispose]: () => client.close() });
}

async function flush({ cluster }: Stage) {
  using client = clientOf(cluster.redis.address);
  await client.send("FLUSHALL", []);
  return () => undefined;
}

function freeze({ cluster }: Stage) {
  const frozen = cluster.redis.freeze();
  return () => frozen[Symbol.dispose]();
}

async function kill({ cluster }: Stage) {
  await cluster.redis.end("SIGKILL");
  return () => cluster.redis.start();
}

/** With a policy that lets nothing go: every write is refused. */
async function fill({ cluster }: Stage) {
  await configure("1mb");
  return () => configure("0");

  async function configure(maxmemory: string) {
    using client = clientOf(cluster.redis.address);
    await client.send("CONFIG", ["SET", "maxmemory", maxmemory, "maxmemory-policy", "noeviction"]);
  }
}

/** Other types under our keys, without an end, and no snapshots in our channel. */
async function litter({ cluster }: Stage) {
  using client = clientOf(cluster.redis.address);
  const channel = await channelOf(client);
  for (const key of (await client.send("KEYS", ["urna:*"])) as string[]) {
    // At once: whoever leads would put its lease between.
    await client.send("EVAL", [
      "redis.call('DEL', KEYS[1]) redis.call('RPUSH', KEYS[1], 'no lease')",
      "1",
      key,
    ]);
  }
  for (const text of ["", "{}", '{"version":1,"asOfMs":-1,"counts":{"a":1}}', "\u0000".repeat(1_000)]) {
    await client.publish(channel, text);
  }
  return () => undefined;
}

/**
 * Somebody adds to what the leader tells, again and again, and is found out: what is shown comes back to the ledger's
 * while the lies go on. The process that was lied to is started anew then, as it would take a while to believe again.
 */
async function lie(stage: Stage): Promise<void> {
  const { redis } = stage.cluster;
  using liar = clientOf(redis.address);
  using listener = clientOf(redis.address);
  const channel = await channelOf(liar);
  stage.event("somebody lies through Redis");
  await listener.subscribe(channel, (text) => {
    const lie = inflated(text);
    if (lie !== null) void liar.publish(channel, lie);
  });
  const isLiedTo = async (role: Role) => (await shownBy(role, stage)) > VOTES_ADDED;
  const follower = await eventually("somebody shows the lie", async () => {
    for (const role of resultsRoles(stage)) if (await isLiedTo(role)) return role;
    return null;
  });
  await eventually("nobody does any more", async () => !(await isLiedTo(follower!)));
  await showsOn(stage);
  await listener.unsubscribe(channel);
  await follower!.kill();
  await follower!.untilReady();
  await untilShared(stage);
}

/** Null for what is a lie already. */
function inflated(text: string): string | null {
  const snapshot = parseSnapshot(text);
  if (snapshot === null) return null;
  const votes = [...snapshot.counts.values()].flatMap((counts) => [...counts.values()]);
  if (Math.max(...votes) > VOTES_ADDED) return null;
  for (const counts of snapshot.counts.values()) {
    for (const [option, count] of counts) counts.set(option, count + VOTES_ADDED + 1);
  }
  return snapshotText({ ...snapshot, asOfMs: snapshot.asOfMs + 1 });
}

async function channelOf(client: RedisClient): Promise<string> {
  const [channel] = (await client.send("PUBSUB", ["CHANNELS", "urna:*"])) as string[];
  return channel!;
}

function resultsRoles({ cluster }: Stage): Role[] {
  return [cluster.role("results"), cluster.role("results2")];
}

/** People vote on, and both processes show what was recorded of it, and no vote more than there is. */
async function showsOn(stage: Stage): Promise<void> {
  await stage.voters.acknowledge(BALLOTS);
  const recorded = await ballotsIn(stage);
  for (const role of resultsRoles(stage)) {
    await eventually(
      `${role.name} shows ${recorded} ballots`,
      async () => (await shownBy(role, stage)) >= recorded,
    );
    const shown = await shownBy(role, stage);
    const most = await ballotsIn(stage);
    if (shown > most) throw new Error(`${role.name} shows ${shown} ballots of ${most}`);
  }
}

function ballotsIn({ cluster, contest }: Stage): Promise<number> {
  const count = "SELECT count(*)::int AS ballots FROM ballots JOIN contests USING (contest_id) WHERE id = $1";
  return eventually("the ledger is read", async () => {
    const { rows } = await cluster.home.read((client) => client.query(count, [contest.id]));
    return rows[0].ballots;
  });
}

async function shownBy({ url }: Role, { contest }: Stage): Promise<number> {
  const answer = await fetch(`${url}/v1/contests/${contest.id}/results`);
  if (!answer.ok) throw new Error(await answer.text());
  return ((await answer.json()) as { turnout: number }).turnout;
}

/** Until one of the two counts, and the other one shows what it is told. */
async function untilShared(stage: Stage): Promise<void> {
  const isOn = async ({ url }: Role, metric: string) =>
    (await (await fetch(`${url}/metrics`)).text()).includes(`\n${metric}{ledger="home"} 1\n`);
  await eventually("one counts, and the other one follows", async () => {
    const [one, other] = resultsRoles(stage) as [Role, Role];
    for (const [leader, follower] of [
      [one, other],
      [other, one],
    ] as const) {
      if ((await isOn(leader, "urna_tally_leads")) && (await isOn(follower, "urna_tally_follows")))
        return true;
    }
    return false;
  });
}
