/** Two brokers of three are down: nothing is accepted, for the last one could be lost too; it resumes when one is back. */
import type { Broker } from "../cluster/brokers.ts";
import type { Fault } from "../fault.ts";

export const oneBrokerLeft: Fault = {
  buffered: true,
  name: "one-broker-left-refuses-only",
  async run(stage) {
    const { cluster, random, voters } = stage;
    const { all } = cluster.brokers!;
    const left = random.one(all);
    const lost = all.filter((broker) => broker !== left);
    const isKilled = random.chance(0.5);
    stage.event(`${lost.map(({ name }) => name).join(" and ")} are ${isKilled ? "killed" : "frozen"}`);
    await Promise.all(lost.map((broker) => lose(broker, isKilled)));
    await stage.silenceOf("accepted", `${left.name} alone is left`, async () => {
      await stage.lasts(random.whole(1_000, 3_000));
    });
    const first = random.one(lost);
    stage.event(`${first.name} comes back`);
    first.thaw();
    if (!first.isRunning) await first.start();
    await voters.accept(30);
    await voters.acknowledge(30);
  },
};

async function lose(broker: Broker, isKilled: boolean): Promise<void> {
  if (isKilled) await broker.kill();
  else broker.freeze();
}
