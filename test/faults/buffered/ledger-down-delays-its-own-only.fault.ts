/** One ledger of two is gone, all of it: its ballots are accepted and wait, those of the other one are recorded as ever. */
import type { Fault } from "../fault.ts";

export const ledgerDown: Fault = {
  buffered: true,
  name: "ledger-down-delays-its-own-only",
  async run(stage) {
    const { cluster, random, voters, contest } = stage;
    const down = cluster.ledgers[1]!;
    const isKilled = random.chance(0.5);
    stage.event(`all nodes of ${down.name} are ${isKilled ? "killed" : "frozen"}`);
    for (const node of down.nodes) isKilled ? await node.kill() : node.freeze();
    await stage.silence(
      `${down.name} is down`,
      async () => {
        await voters.accept(random.whole(50, 150));
        await voters.acknowledge(random.whole(30, 100));
      },
      { concerns: (voter) => contest.ledgerOf(voter) === down },
    );
    stage.event(`${down.name} is back`);
    for (const node of down.nodes) isKilled ? node.start() : node.thaw();
    await voters.acknowledge(60);
  },
};
