/**
 * Recorders' commits wait for standbys that are cut off, and somebody cancels or terminates the waits. Nothing may be said to
 * be recorded for it; the same block is submitted again. Then a primary is lost, with everything that it alone had.
 */
import { eventually } from "../../support/eventually.ts";
import { endWaits, waitingCommits } from "../cluster/statements.ts";
import type { Fault } from "../fault.ts";
import { cutStandbysOff, losePrimary } from "./cut-off.ts";

export const bufferedEndedWait: Fault = {
  buffered: true,
  name: "buffered-ended-wait-is-no-acknowledgement",
  async run(stage) {
    const { cluster, random, voters, contest } = stage;
    const ledger = random.one(cluster.ledgers);
    const { leader } = ledger.supervisor;
    cutStandbysOff(stage, ledger);
    const isOurs = (voter: string) => contest.ledgerOf(voter) === ledger;
    await stage.silence(
      `${leader.name}'s standbys are cut off`,
      async () => {
        await eventually("a commit waits", async () => (await cluster.at(leader, waitingCommits)).length > 0);
        for (let rounds = random.whole(5, 15); rounds > 0; rounds--) {
          const how = random.one(["pg_cancel_backend", "pg_terminate_backend"] as const);
          const ended = await cluster.at(leader, (client) => endWaits(client, how));
          if (ended > 0) stage.event(`${how} of ${ended} waiting commits`);
          await stage.lasts(random.whole(10, 150));
        }
        await voters.accept(20);
      },
      { concerns: isOurs },
    );
    if (random.chance(0.7)) await losePrimary(stage, ledger);
  },
};
