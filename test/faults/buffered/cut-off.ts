/** What several faults do to one ledger of several. */
import type { Ledger } from "../cluster/ledger.ts";
import type { Stage } from "../fault.ts";

/** What the primary sends them from now on waits in the network. */
export function cutStandbysOff({ cluster }: Stage, { supervisor }: Ledger): void {
  const { leader, standbys } = supervisor;
  for (const { name } of standbys) cluster.network.hold(name, leader.name);
}

/** With everything that it had sent, and that never arrived. */
export async function losePrimary(stage: Stage, ledger: Ledger): Promise<void> {
  const { leader, standbys } = ledger.supervisor;
  stage.event(`${leader.name}, the primary of ${ledger.name}, is lost`);
  const diedAtMs = performance.now();
  await leader.kill();
  for (const { name } of standbys) stage.cluster.network.sever(name, leader.name);
  await stage.replacePrimary(diedAtMs, ledger);
}
