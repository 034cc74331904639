/** Any processes, PostgreSQL's, Kafka's or Urna's, are killed at any moment and started again; several may be down at once. */
import type { Process } from "./cluster/cluster.ts";
import type { Fault, Stage } from "./fault.ts";

export const anyProcessKilled: Fault = {
  name: "any-process-killed-loses-nothing",
  async run(stage) {
    const { cluster, random } = stage;
    const kills = Array.from({ length: random.whole(3, 5) }, async () => {
      const own = { victim: random.one(cluster.processes), random: random.fork() };
      await killOnce(stage, own.victim, own.random);
    });
    await Promise.all(kills);
    await stage.voters.acknowledge(30);
  },
};

export const bufferedAnyProcessKilled: Fault = {
  ...anyProcessKilled,
  name: "buffered-any-process-killed-loses-nothing",
  buffered: true,
};

async function killOnce(stage: Stage, victim: Process, random: Stage["random"]): Promise<void> {
  await stage.lasts(random.whole(0, 1_200));
  if ("killOne" in victim && random.chance(0.4)) {
    stage.event(`a process below ${victim.name}'s postmaster is killed`);
    victim.killOne(random.whole(0, 100));
    return;
  }
  stage.event(`${victim.name} is killed`);
  await victim.kill();
  await stage.lasts(random.whole(0, 500));
  stage.event(`${victim.name} is started`);
  if (!victim.isRunning) await victim.start();
}
