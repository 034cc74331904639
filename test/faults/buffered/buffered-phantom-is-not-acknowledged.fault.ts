/**
 * The phantom: a recorder's commit waits for standbys that are cut off, the primary crashes and starts again, and now shows a
 * block that is on no other node. The recorder submits it again, voters ask: nobody is told that it is recorded. The primary
 * is then lost for good, and everything that was accepted is recorded all the same.
 */
import { eventually } from "../../support/eventually.ts";
import { waitingCommits } from "../cluster/statements.ts";
import type { Fault } from "../fault.ts";
import { cutStandbysOff, losePrimary } from "./cut-off.ts";

export const bufferedPhantom: Fault = {
  buffered: true,
  name: "buffered-phantom-is-not-acknowledged",
  async run(stage) {
    const { cluster, random, voters, contest } = stage;
    const ledger = random.one(cluster.ledgers);
    const { leader } = ledger.supervisor;
    cutStandbysOff(stage, ledger);
    await stage.silence(
      `${leader.name}'s standbys are cut off`,
      async () => {
        await eventually("a commit waits", async () => (await cluster.at(leader, waitingCommits)).length > 0);
        stage.event(`${leader.name} crashes, and starts again`);
        await leader.kill();
        leader.start();
        await eventually("it answers", () => cluster.at(leader, async () => true));
        await voters.accept(20);
        await stage.lasts(random.whole(300, 2_000));
      },
      { concerns: (voter) => contest.ledgerOf(voter) === ledger },
    );
    await losePrimary(stage, ledger);
    await voters.acknowledge(30);
  },
};
