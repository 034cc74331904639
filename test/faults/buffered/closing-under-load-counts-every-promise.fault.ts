/** A contest closes under load while brokers and recorders are killed: whatever was accepted counts, nothing else does. */
import { closeContest, untilFinal } from "../contest.ts";
import type { Fault } from "../fault.ts";

export const closingUnderLoad: Fault = {
  buffered: true,
  name: "closing-under-load-counts-every-promise",
  async run(stage) {
    const { cluster, random, contest } = stage;
    await closeContest(cluster, contest);
    stage.isClosed = true;
    let isFinal = false;
    const final = untilFinal(cluster, contest).finally(() => (isFinal = true));
    while (!isFinal) {
      const victim = random.one([...cluster.brokers!.all, ...cluster.recorders, cluster.role("admin")]);
      stage.event(`${victim.name} is killed`);
      await victim.kill();
      await stage.lasts(random.whole(0, 1_000));
      stage.event(`${victim.name} is started`);
      await victim.start();
      await Promise.race([final, stage.lasts(random.whole(3_000, 6_000))]);
    }
    await final;
  },
};
