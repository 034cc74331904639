/**
 * The primary is cut off together with one of its standbys: the two go on, and the third node is not promoted, for the
 * old primary could go on acknowledging. The control promotes it all the same, and has two that do.
 */
import type { Node } from "./cluster/node.ts";
import type { Fault, Stage } from "./fault.ts";
import { refused } from "./lagging-standby-is-not-promoted.fault.ts";

export const isolatedMajority: Fault = {
  name: "isolated-majority-is-not-replaced",
  async run(stage) {
    const { cut, left } = isolate(stage);
    await refused(stage);
    const alone = `${left} reaches no primary`;
    await stage.silence(alone, () => stage.voters.acknowledge(30), { gateways: [left] });
    stage.event(`${cut} and the others see each other again`);
    stage.cluster.network.heal();
  },
};

export const isolatedMajorityReplaced: Fault = {
  name: "control-isolated-majority-replaced",
  losesOnPurpose: true,
  async run(stage) {
    const { third } = isolate(stage);
    await refused(stage);
    stage.event(`${third.name} is promoted, against the rule`);
    await stage.cluster.supervisor.promote(third);
    await stage.voters.acknowledge(30);
  },
};

/** Also when it is the supervisor that is cut off, and everybody else sees everybody. */
function isolate(stage: Stage): { cut: string; left: string; third: Node } {
  const { cluster, random } = stage;
  const { leader, standbys } = cluster.supervisor;
  const third = random.one(standbys);
  const with_ = standbys.find((node) => node !== third)!;
  const [cut, left] = random.chance(0.5) ? ["gateway1", "gateway2"] : ["gateway2", "gateway1"];
  stage.event(`${leader.name}, ${with_.name} and ${cut} are cut off`);
  cluster.network.isolate(leader.name, with_.name, cut!);
  return { cut: cut!, left: left!, third };
}
