/** Both standbys are lost: acknowledgements stop, nothing degrades to asynchronous, and they resume when one returns. */
import type { Node } from "./cluster/node.ts";
import type { Fault, Stage } from "./fault.ts";

export const withoutStandbys: Fault = {
  name: "without-standbys-nothing-is-acknowledged",
  async run(stage) {
    const { cluster, random, voters } = stage;
    const { leader, standbys } = cluster.supervisor;
    const lost = [];
    for (const standby of standbys) lost.push({ standby, comeBack: await lose(stage, standby, leader) });
    await stage.silence(`${leader.name} has no standby`, () => stage.lasts(random.whole(500, 2_500)));
    const first = random.one(lost);
    stage.event(`${first.standby.name} comes back`);
    first.comeBack();
    await voters.acknowledge(30);
  },
};

/** In one of the ways in which machines are lost; returns what brings it back. */
export async function lose(stage: Stage, standby: Node, leader: Node): Promise<() => void> {
  const { cluster, random } = stage;
  const { network } = cluster;
  const how = random.one(["killed", "frozen", "cut off"] as const);
  stage.event(`${standby.name} is ${how}`);
  switch (how) {
    case "killed":
      await standby.kill();
      return () => standby.start();
    case "frozen":
      standby.freeze();
      return () => standby.thaw();
    case "cut off":
      network.hold(standby.name, leader.name);
      return () => network.release(standby.name, leader.name);
  }
}
