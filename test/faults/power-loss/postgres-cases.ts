/** What was acknowledged outlives a power loss of the primary, of the standby, and of both; without fsync it does not. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { recorded, TEST_TIMEOUT_MS, TestFolder } from "../../embedded/support.ts";
import { eventually } from "../../support/eventually.ts";
import { cutPower, powerOn } from "./cluster-fault.ts";
import { Load } from "./load.ts";
import { makePair, type Pair, type PairNode } from "./pair.ts";
import * as powerLoss from "./power-loss.ts";
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
  await pair[Symbol.asyncDispose]();
  await load.stop();
  await folder[Symbol.asyncDispose]();
});

const SURVIVALS: Survival[] = ["none", { seed: 1, sectorBytes: 512 }, { seed: 2, sectorBytes: 4096 }];
const RIGHT = { missing: [], invented: [] };

/** The power goes somewhere in the middle of the load; where, the seed says. */
async function somewhere(survival: Survival): Promise<void> {
  const seed = survival === "none" ? 0 : survival.seed;
  await load.acknowledgedMore(30 + Math.floor(generator(seed)() * 120));
}

async function votesOf(node: PairNode): Promise<number[]> {
  await using client = await node.connect();
  return await recorded(client);
}

/** A standby's, once it has replayed all the WAL that it has and waits for more. */
async function replayedVotesOf(standby: PairNode): Promise<number[]> {
  await using client = await standby.connect();
  await eventually("the standby waits for more WAL", async () => {
    const { rowCount } = await client.query(
      "SELECT FROM pg_stat_activity WHERE wait_event IN ('RecoveryWalStream', 'RecoveryRetrieveRetryInterval')",
    );
    return rowCount === 1;
  });
  return await recorded(client);
}

test("power does not fail under a running PostgreSQL", () => {
  expect(() => powerLoss.fail(pair.primary.dataFolder, "none")).toThrow("kill them first");
});

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
    await load.acknowledgedMore(20);
    await load.stop();
    expect(load.judge(await replayedVotesOf(standby))).toEqual(RIGHT);
    expect(load.judge(await votesOf(primary))).toEqual(RIGHT);
  });

  test(`both lose power, ${title}: either alone has every acknowledged vote`, async () => {
    const { primary, standby } = pair;
    await load.start(pair);
    await somewhere(survival);
    await cutPower([primary, standby], survival);
    await load.stop();
    await powerOn([standby]);
    expect(load.judge(await replayedVotesOf(standby))).toEqual(RIGHT);
    await powerOn([primary]);
    expect(load.judge(await votesOf(primary))).toEqual(RIGHT);
  });
}

/** What was acknowledged in a load of its own that a power loss of both ends. */
async function acknowledgedBeforePowerLoss(count: number): Promise<number[]> {
  const before = new Set(load.acknowledged);
  await load.start(pair);
  await load.acknowledgedMore(count);
  await cutPower([pair.primary, pair.standby], "none");
  await load.stop();
  return [...load.acknowledged].filter((vote) => !before.has(vote));
}

test("a control: a standby that confirms what it has only written loses what was acknowledged", async () => {
  const { primary, standby } = pair;
  await cutPower([primary, standby], "none");
  primary.configure({ synchronous_commit: "remote_write" });
  await powerOn([primary]);
  await powerOn([standby], 50);
  const acknowledged = await acknowledgedBeforePowerLoss(20);
  await powerOn([standby]);
  const { missing } = load.judge(await replayedVotesOf(standby));
  expect(missing.length).toBeGreaterThan(0);
  expect(acknowledged).toEqual(expect.arrayContaining(missing));
});

test("a control: with fsync=off both lose everything that was acknowledged", async () => {
  const { primary, standby } = pair;
  await cutPower([primary, standby], "none");
  for (const node of [primary, standby]) node.configure({ fsync: "off", synchronous_commit: "on" });
  await powerOn([primary, standby]);
  const acknowledged = await acknowledgedBeforePowerLoss(200);
  await powerOn([standby]);
  expect(load.judge(await replayedVotesOf(standby)).missing).toEqual(expect.arrayContaining(acknowledged));
  await powerOn([primary]);
  expect(load.judge(await votesOf(primary)).missing).toEqual(expect.arrayContaining(acknowledged));
});
