/**
 * The primary and the standby that confirmed its commits are lost together; the one that is left lags. It is not
 * promoted; whichever of the two comes back, nothing is missing. The control promotes it all the same.
 */
import type { Node } from "./cluster/node.ts";
import { PromotionRefused } from "./cluster/supervisor.ts";
import type { Fault, Stage } from "./fault.ts";

export const laggingStandby: Fault = {
  name: "lagging-standby-is-not-promoted",
  async run(stage) {
    const { cluster, random } = stage;
    const { leader } = cluster.supervisor;
    const { confirming, diedAtMs } = await loseBoth(stage);
    await stage.silence("a lagging standby is all that is left", async () => {
      await refused(stage);
      await stage.lasts(random.whole(0, 1_000));
    });
    const back = random.one([leader, confirming]);
    stage.event(`${back.name} comes back`);
    back.start();
    if (back === confirming) await promoted(stage, confirming, diedAtMs);
  },
};

export const laggingStandbyPromoted: Fault = {
  name: "control-lagging-standby-promoted",
  losesOnPurpose: true,
  async run(stage) {
    const { lagging } = await loseBoth(stage);
    await refused(stage);
    stage.event(`${lagging.name} is promoted, against the rule`);
    await stage.cluster.supervisor.promote(lagging);
  },
};

async function loseBoth(stage: Stage): Promise<{ confirming: Node; lagging: Node; diedAtMs: number }> {
  const { cluster, random, voters } = stage;
  const { leader, standbys } = cluster.supervisor;
  const lagging = random.one(standbys);
  const confirming = standbys.find((node) => node !== lagging)!;
  cluster.network.hold(lagging.name, leader.name);
  stage.event(`${lagging.name} lags`);
  await voters.acknowledge(random.whole(30, 100));
  stage.event(`${leader.name} and ${confirming.name} are killed`);
  const diedAtMs = performance.now();
  await Promise.all([leader.kill(), confirming.kill()]);
  cluster.network.sever(lagging.name, leader.name);
  return { confirming, lagging, diedAtMs };
}

export async function refused(stage: Stage): Promise<void> {
  const outcome = await stage.cluster.supervisor.failover().catch((error: unknown) => error);
  if (outcome instanceof PromotionRefused) return stage.event(`no promotion: ${outcome.message}`);
  throw outcome instanceof Error
    ? outcome
    : new Error("a standby was promoted, and nothing says it has everything");
}

/** As soon as it can be reached, the one that has more is chosen. */
async function promoted(stage: Stage, expected: Node, diedAtMs: number): Promise<void> {
  await stage.cluster.untilUp(expected);
  const { to } = await stage.replacePrimary(diedAtMs);
  if (to !== expected.name) throw new Error(`${to} was promoted, and ${expected.name} has more`);
  await stage.voters.acknowledge(30);
}
