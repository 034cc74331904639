/**
 * Nodes lose power at one moment: what they had not flushed is gone, or some of it. The primary comes back, or is
 * replaced by a standby that never lost power or has got it back, and nothing acknowledged is missing.
 */
import type { Node } from "./cluster/node.ts";
import type { Fault } from "./fault.ts";
import { cutPower } from "./power-loss/cluster-fault.ts";
import { compilerFault } from "./power-loss/compiler.ts";
import * as powerLoss from "./power-loss/power-loss.ts";
import type { Survival } from "./power-loss/survival.ts";

/** Of a disk that takes its time, so that the power often fails between a write and its flush. */
const FLUSH_MS = 5;

export const powerLost: Fault = {
  name: "power-lost-loses-nothing",
  impossible: compilerFault,
  cluster: {
    environment: (dataFolder) => powerLoss.environment(dataFolder, FLUSH_MS),
    // So that pages reach the files long before a checkpoint flushes them: there is something to lose at any moment.
    settings: { shared_buffers: "1MB", bgwriter_delay: "10ms" },
  },
  async run(stage) {
    const { cluster, random, voters } = stage;
    const { leader, standbys } = cluster.supervisor;
    const one = random.one(standbys);
    const lost = random.one([[leader], [one], standbys, [leader, one], [leader, ...standbys]]);
    const survival: Survival = random.chance(0.5)
      ? "none"
      : { seed: random.whole(1, 1_000_000), sectorBytes: random.one([512, 4096]) };
    await voters.acknowledge(random.whole(1, 100));
    stage.event(
      `${lost.map(({ name }) => name).join(", ")} lose power; of what was not flushed ${described(survival)}`,
    );
    const diedAtMs = performance.now();
    await cutPower(lost.map(powered), survival);
    const replaced = lost.includes(leader) && random.chance(0.5);
    for (const node of lost) if (!replaced || node !== leader) await cluster.untilUp(node);
    if (replaced) await stage.replacePrimary(diedAtMs);
    await voters.acknowledge(30);
  },
};

function described(survival: Survival): string {
  return survival === "none"
    ? "nothing survives"
    : `sectors of ${survival.sectorBytes} bytes survive, each by chance`;
}

const powered = (node: Node) => ({
  dataFolder: node.dataFolder,
  start: async () => node.start(),
  kill9: () => node.kill(),
});
