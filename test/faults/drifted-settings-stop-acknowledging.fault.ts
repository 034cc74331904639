/** Somebody changes a setting that durability rests on, on any node: noticed while running, and refused at a start. */

import { eventually } from "../support/eventually.ts";
import type { Role } from "./cluster/role.ts";
import { changeSetting } from "./cluster/statements.ts";
import type { Fault } from "./fault.ts";

/** On a standby they are as dangerous: it may be promoted. */
export const DRIFTS = [
  ["fsync", "off"],
  ["full_page_writes", "off"],
  ["synchronous_commit", "local"],
  ["synchronous_commit", "remote_write"],
  ["synchronous_standby_names", ""],
  ["synchronous_standby_names", "*"],
] as const;

export const driftedSettings: Fault = {
  name: "drifted-settings-stop-acknowledging",
  async run(stage) {
    const { cluster, random } = stage;
    const node = random.one(cluster.nodes);
    const [setting, value] = random.one(DRIFTS);
    stage.event(`${setting} = '${value}' on ${node.name}`);
    await cluster.at(node, (client) => changeSetting(client, setting, value));
    for (const gateway of cluster.gateways) await untilNamed(gateway, setting);
    await stage.silence(`${setting} is '${value}' on ${node.name}`, async () => {
      const starting = random.one(cluster.gateways);
      stage.event(`${starting.name} is started anew`);
      await starting.kill();
      starting.start();
      await untilNamed(starting, setting);
      await stage.lasts(random.whole(100, 500));
    });
    await cluster.at(node, (client) => changeSetting(client, setting, null));
    await stage.voters.acknowledge(30);
  },
};

/** Until the role takes no traffic, and says which setting it is. */
export async function untilNamed(role: Pick<Role, "name" | "unready">, setting: string): Promise<void> {
  const isNamed = async () => (await role.unready()).some((reason) => reason.includes(setting));
  await eventually(`${role.name} refuses, and names ${setting}`, isNamed, 60_000);
}
