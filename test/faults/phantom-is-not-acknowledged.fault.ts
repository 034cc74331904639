/**
 * The phantom: a commit waits for standbys that are cut off, the primary crashes and starts again, and now shows the
 * ballot, which is on no other node. Its voters retry: they must wait. The primary is then lost for good.
 */

import { eventually } from "../support/eventually.ts";
import { waitingCommits } from "./cluster/statements.ts";
import type { Fault } from "./fault.ts";

export const phantom: Fault = {
  name: "phantom-is-not-acknowledged",
  async run(stage) {
    const { cluster, random } = stage;
    const { network, supervisor } = cluster;
    const { leader, standbys } = supervisor;
    for (const { name } of standbys) network.hold(name, leader.name);
    await stage.silence(`${leader.name}'s standbys are cut off`, async () => {
      await eventually("a commit waits", async () => (await cluster.at(leader, waitingCommits)).length > 0);
      stage.event(`${leader.name} crashes, and starts again`);
      await leader.kill();
      leader.start();
      await eventually("it answers", () => cluster.at(leader, async () => true));
      await stage.lasts(random.whole(300, 2_000));
    });
    stage.event(`${leader.name} is lost`);
    const diedAtMs = performance.now();
    await leader.kill();
    for (const { name } of standbys) network.sever(name, leader.name);
    await stage.replacePrimary(diedAtMs);
    await stage.voters.acknowledge(30);
  },
};
