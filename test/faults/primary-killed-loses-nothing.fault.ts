/** The primary is killed, a standby takes its place, the gateways follow, the old one comes back as a standby; twice. */
import type { Fault, Stage } from "./fault.ts";

export const primaryKilled: Fault = {
  name: "primary-killed-loses-nothing",
  async run(stage) {
    await killPrimary(stage);
    await stage.cluster.makeWhole();
    await stage.voters.acknowledge(stage.random.whole(1, 100));
    await killPrimary(stage);
  },
};

async function killPrimary(stage: Stage): Promise<void> {
  const { leader } = stage.cluster.supervisor;
  stage.event(`${leader.name}, the primary, is killed`);
  const diedAtMs = performance.now();
  await leader.kill();
  await stage.replacePrimary(diedAtMs);
  await stage.voters.acknowledge(stage.random.whole(1, 50));
}
