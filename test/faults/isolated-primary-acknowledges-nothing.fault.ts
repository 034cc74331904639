/**
 * Split brain: the primary is cut off from all but a gateway, which stays attached to it, and is replaced. From the
 * promotion on it acknowledges nothing, and nothing that it has alone was acknowledged, also once everybody sees both.
 */
import type { Fault } from "./fault.ts";

export const isolatedPrimary: Fault = {
  name: "isolated-primary-acknowledges-nothing",
  async run(stage) {
    const { cluster, random, voters } = stage;
    const { leader } = cluster.supervisor;
    const attached = random.one(cluster.gateways).name;
    stage.event(`${leader.name} is cut off from all but ${attached}`);
    const diedAtMs = performance.now();
    cluster.network.isolate(leader.name, attached);
    await stage.lasts(random.whole(0, 500));
    await stage.replacePrimary(diedAtMs);
    const isolated = `${attached} sees none but ${leader.name}, which was replaced`;
    await stage.silence(isolated, () => voters.acknowledge(30), { gateways: [attached] });
    stage.event("everybody sees both primaries");
    cluster.network.heal();
    await stage.lasts(random.whole(0, 2_000));
  },
};

/** The same with a primary that was frozen: it goes on where it was, with all its connections, after the promotion. */
export const thawedPrimary: Fault = {
  name: "thawed-primary-acknowledges-nothing",
  async run(stage) {
    const { cluster, random, voters } = stage;
    const { leader } = cluster.supervisor;
    stage.event(`${leader.name} freezes`);
    const diedAtMs = performance.now();
    leader.freeze();
    await stage.lasts(random.whole(0, 500));
    const replacement = await stage.replacePrimary(diedAtMs);
    if (random.chance(0.5)) await voters.acknowledge(30);
    stage.event(`${leader.name} thaws`);
    leader.thaw();
    replacement.backAtMs = performance.now();
    await stage.lasts(random.whole(0, 2_000));
  },
};
