/**
 * Commits wait for standbys that are cut off, and somebody cancels or terminates the waits: PostgreSQL then answers
 * success with a WARNING, or hangs up. Nobody may be told that the ballot is recorded; the primary is then lost.
 */

import { eventually } from "../support/eventually.ts";
import { endWaits, waitingCommits } from "./cluster/statements.ts";
import type { Fault, Stage } from "./fault.ts";

export const endedWait: Fault = {
  name: "ended-wait-is-no-acknowledgement",
  async run(stage) {
    const { cluster, random } = stage;
    const { leader, standbys } = cluster.supervisor;
    for (const { name } of standbys) cluster.network.hold(name, leader.name);
    await stage.silence(`${leader.name}'s standbys are cut off`, async () => {
      await eventually("a commit waits", async () => (await cluster.at(leader, waitingCommits)).length > 0);
      for (let rounds = random.whole(5, 15); rounds > 0; rounds--) {
        const how = random.one(["pg_cancel_backend", "pg_terminate_backend"] as const);
        const ended = await cluster.at(leader, (client) => endWaits(client, how));
        if (ended > 0) stage.event(`${how} of ${ended} waiting commits`);
        await stage.lasts(random.whole(10, 150));
      }
    });
    if (random.chance(0.7)) await losePrimary(stage);
  },
};

/** With everything that it had sent, and that never arrived. */
async function losePrimary(stage: Stage): Promise<void> {
  const { network, supervisor } = stage.cluster;
  const { leader, standbys } = supervisor;
  stage.event(`${leader.name} is lost`);
  const diedAtMs = performance.now();
  await leader.kill();
  for (const { name } of standbys) network.sever(name, leader.name);
  await stage.replacePrimary(diedAtMs);
}
