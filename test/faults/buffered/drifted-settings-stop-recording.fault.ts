/** Somebody changes a setting that a ledger's durability rests on: its recorders notice, and its ballots are accepted meanwhile. */
import { eventually } from "../../support/eventually.ts";
import type { Ledger } from "../cluster/ledger.ts";
import type { Role } from "../cluster/role.ts";
import { changeSetting } from "../cluster/statements.ts";
import { DRIFTS, untilNamed } from "../drifted-settings-stop-acknowledging.fault.ts";
import type { Fault } from "../fault.ts";

export const driftedSettingsBuffered: Fault = {
  buffered: true,
  name: "drifted-settings-stop-recording",
  async run(stage) {
    const { cluster, random, voters, contest } = stage;
    const ledger = random.one(cluster.ledgers);
    const node = random.one(ledger.nodes);
    const [setting, value] = random.one(DRIFTS);
    const drift = `${setting} is '${value}' on ${node.name}`;
    stage.event(drift);
    await cluster.at(node, (client) => changeSetting(client, setting, value));
    for (const recorder of cluster.recorders) await untilNamed(recorder, setting);
    await untilShown(cluster.role("results"), ledger);
    await stage.silence(
      drift,
      async () => {
        const starting = random.one(cluster.recorders);
        stage.event(`${starting.name} is started anew`);
        await starting.kill();
        starting.start();
        await untilNamed(starting, setting);
        await voters.accept(30);
      },
      { concerns: (voter) => contest.ledgerOf(voter) === ledger },
    );
    await cluster.at(node, (client) => changeSetting(client, setting, null));
    await voters.acknowledge(30);
  },
};

/** A role that shows all ledgers' figures goes on taking traffic while one of them is in doubt; its metrics say which. */
async function untilShown(results: Role, { name }: Ledger): Promise<void> {
  await eventually(`${results.name} shows that ledger ${name} is in doubt`, async () => {
    const lines = await results.metric("urna_durability_gate_faults");
    return lines.some((line) => line.includes(`"${name}"`) && !line.endsWith(" 0"));
  });
}
