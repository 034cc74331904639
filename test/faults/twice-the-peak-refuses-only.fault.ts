/**
 * Twice as many ballots arrive as can be recorded, or accepted, and that stalls on top of it: those that are too many are
 * refused at once or in doubt, and none is lost. Without the stall it is the client that has its limit first:
 * bench/overload.ts measures that, with a ledger that is far away.
 */
import type { Process } from "./cluster/cluster.ts";
import type { Fault, Stage } from "./fault.ts";

const VOTERS_AT_A_TIME = 300;
const PEAK_MS = 300;
const RUSH_MS = 700;
/** Longer than the gateways' deadline. */
const STALL_MS = 2_000;

export const twiceThePeak: Fault = {
  name: "twice-the-peak-refuses-only",
  async run(stage) {
    await rush(stage, [stage.cluster.supervisor.leader]);
  },
};

export const bufferedTwiceThePeak: Fault = {
  buffered: true,
  name: "buffered-twice-the-peak-refuses-only",
  async run(stage) {
    await rush(stage, stage.cluster.brokers!.all);
  },
};

async function rush(stage: Stage, stalling: readonly Process[]): Promise<void> {
  const { random, voters } = stage;
  using crowd = stage.crowd();
  const perSecond = await crowd.peak(VOTERS_AT_A_TIME, PEAK_MS);
  stage.event(`${Math.round(perSecond)} ballots a second are the most; twice as many arrive`);
  const rushing = crowd.rush(2 * perSecond, RUSH_MS);
  await stage.lasts(random.whole(0, RUSH_MS / 2));
  stage.event(`${stalling.map(({ name }) => name).join(", ")}: stalled`);
  for (const process of stalling) process.freeze();
  await stage.lasts(STALL_MS);
  for (const process of stalling) process.thaw();
  const refused = await rushing;
  stage.event(`${refused} were refused at once`);
  if (refused === 0) throw new Error("nobody was refused at once");
  await voters.acknowledge(30);
}
