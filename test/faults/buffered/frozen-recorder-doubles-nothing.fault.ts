/**
 * A recorder freezes, at any point of what it does, for longer than its group waits for it; another one gets its partitions.
 * Thawed, it goes on where it was: whatever it still records is rejected, for the partitions' streams are not its own.
 */
import { eventually } from "../../support/eventually.ts";
import type { Fault, Stage } from "../fault.ts";

export const frozenRecorder: Fault = {
  buffered: true,
  name: "frozen-recorder-doubles-nothing",
  async run(stage) {
    const { cluster, random, voters } = stage;
    const frozen = random.one(cluster.recorders);
    const other = cluster.recorders.find((recorder) => recorder !== frozen)!;
    // A burst, so that it has a block in hand.
    using crowd = stage.crowd();
    const burst = crowd.peak(100, 600);
    await stage.lasts(random.whole(0, 500));
    stage.event(`${frozen.name} freezes`);
    frozen.freeze();
    await burst;
    await eventually(`${other.name} has all partitions`, async () => {
      const writers = await writersOf(stage);
      return writers.every((writer) => writer.endsWith(` ${other.pid}`));
    });
    await voters.acknowledge(random.whole(1, 60));
    stage.event(`${frozen.name} thaws`);
    frozen.thaw();
    await voters.acknowledge(60);
  },
};

/** Who holds the partitions' streams. */
async function writersOf({ cluster, contest }: Stage): Promise<string[]> {
  const writers = await Promise.all(
    cluster.ledgers.map((ledger) =>
      ledger.read(async (client) => {
        const { rows } = await client.query("SELECT writer FROM streams WHERE election_uuid = $1", [
          contest.electionUuid,
        ]);
        return rows.map(({ writer }) => writer as string);
      }),
    ),
  );
  return writers.flat();
}
