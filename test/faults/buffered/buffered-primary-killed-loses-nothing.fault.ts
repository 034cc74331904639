/** A ledger's primary is killed, a standby takes its place and the recorders follow; meanwhile votes are accepted. */
import type { Fault } from "../fault.ts";

export const bufferedPrimaryKilled: Fault = {
  buffered: true,
  name: "buffered-primary-killed-loses-nothing",
  async run(stage) {
    const { cluster, random, voters } = stage;
    for (const ledger of random.chance(0.5) ? cluster.ledgers : [...cluster.ledgers].reverse()) {
      const { leader } = ledger.supervisor;
      stage.event(`${leader.name}, the primary of ${ledger.name}, is killed`);
      const diedAtMs = performance.now();
      await leader.kill();
      await voters.accept(random.whole(30, 100));
      await stage.replacePrimary(diedAtMs, ledger);
      await voters.acknowledge(random.whole(1, 50));
      await cluster.makeWhole();
    }
  },
};
