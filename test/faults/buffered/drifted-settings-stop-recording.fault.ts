/** Somebody changes a setting that a ledger's durability rests on: its recorders notice, and its ballots are accepted meanwhile. */
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
    for (const process of [...cluster.recorders, cluster.role("results")]) await untilNamed(process, setting);
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
