/** What was acknowledged outlives a power loss of the primary, of the standby, and of both; without fsync it does not. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { recorded, TEST_TIMEOUT_MS, TestFolder } from "../../embedded/support.ts";
import { eventually } from "../../support/eventually.ts";
import { cutPower, powerOn } from "./cluster-fault.ts";
import { Load } from "./load.ts";
import { makePair, type Pair, type PairNode } from "./pair.ts";
import { generator, type Survival } from "./survival.ts";

setDefaultTimeout(TEST_TIMEOUT_MS);

const folder = new TestFolder();
const load = new Load();
let pair: Pair;

beforeAll(async () => {
  pair = await makePair(folder);
  await powerOn([pair.primary, pair.standby]);
});

afterAll(async () => {
  await Promise.all([pair.primary.kill9(), pair.standby.kill9()]);
  await load.stop();
  await folder[Symbol.asyncDispose]();
});

const SURVIVALS: Survival[] = ["none", { seed: 1, sectorBytes: 512 }, { seed: 2, sectorBytes: 4096 }];
const RIGHT = { missing: [], invented: [] };

/** The power goes somewhere in the middle of the load; where, the seed says. */
async function somewhere(survival: Survival): Promise<void> {
  const seed = survival === "none" ? 0 : survival.seed;
  await load.acknowledgedMore(50 + Math.floor(generator(seed)() * 200));
}

async function votesOf(node: PairNode): Promise<number[]> {
  await using client = await node.connect();
  return await recorded(client);
}

for (const survival of SURVIVALS) {
  const title =
    survival === "none"
      ? "nothing unflushed survives"
      : `sectors of ${survival.sectorBytes} survive at random`;

  test(`the primary loses power, ${title}: it comes back with every acknowledged vote`, async () => {
    const { primary } = pair;
    await load.start(pair);
    await somewhere(survival);
    await cutPower([primary], survival);
    await load.stop();
    await powerOn([primary]);
    expect(load.judge(await votesOf(primary))).toEqual(RIGHT);
  });

  test(`the standby loses power, ${title}: the load goes on once it is back, and it has every acknowledged vote`, async () => {
    const { primary, standby } = pair;
    await load.start(pair);
    await somewhere(survival);
    await cutPower([standby], survival);
    await powerOn([standby]);
    await load.acknowledgedMore(50);
    await load.stop();
    await shows(standby);
    expect(load.judge(await votesOf(primary))).toEqual(RIGHT);
  });

  test(`both lose power, ${title}: either alone has every acknowledged vote`, async () => {
    const { primary, standby } = pair;
    await load.start(pair);
    await somewhere(survival);
    await cutPower([primary, standby], survival);
    await load.stop();
    await powerOn([standby]);
    await shows(standby);
    await powerOn([primary]);
    expect(load.judge(await votesOf(primary))).toEqual(RIGHT);
  });
}

/** A standby replays what it has after it accepts connections. */
async function shows(standby: PairNode): Promise<void> {
  await using client = await standby.connect();
  await eventually("the standby shows every acknowledged vote", async () =>
    Bun.deepEquals(load.judge(await recorded(client)), RIGHT),
  );
}

test("the control: with fsync=off a power loss of both loses what was acknowledged, on either", async () => {
  const { primary, standby } = pair;
  await cutPower([primary, standby], "none");
  for (const node of [primary, standby]) node.configure({ fsync: "off" });
  await powerOn([primary, standby]);
  await load.start(pair);
  const before = new Set(load.acknowledged);
  await load.acknowledgedMore(200);
  await cutPower([primary, standby], "none");
  await load.stop();
  const lost = [...load.acknowledged].filter((vote) => !before.has(vote));
  await powerOn([primary]);
  expect(load.judge(await votesOf(primary)).missing).toEqual(lost);
  await primary.kill9();
  await powerOn([standby]);
  await using client = await standby.connect();
  await client.query("SELECT pg_promote()"); // with all that it has
  expect(load.judge(await recorded(client)).missing).toEqual(lost);
});
