/** All standbys of all ledgers are lost: recording stops, accepting goes on, and all of it is recorded when they are back. */
import type { Fault } from "../fault.ts";
import { lose } from "../without-standbys-nothing-is-acknowledged.fault.ts";

export const withoutStandbysBuffered: Fault = {
  buffered: true,
  name: "without-standbys-nothing-is-recorded",
  async run(stage) {
    const { cluster, random, voters } = stage;
    const comeBack: (() => void)[] = [];
    for (const { supervisor } of cluster.ledgers) {
      for (const standby of supervisor.standbys) comeBack.push(await lose(stage, standby, supervisor.leader));
    }
    await stage.silence("no ledger has a standby", async () => {
      await voters.accept(random.whole(50, 200));
      await stage.lasts(random.whole(0, 2_000));
    });
    stage.event("they come back");
    for (const back of comeBack) back();
    await voters.acknowledge(60);
  },
};
