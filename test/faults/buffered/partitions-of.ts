/** Which recorder drains the partitions of the contest that people vote in. */
import { eventually } from "../../support/eventually.ts";
import type { Role } from "../cluster/role.ts";
import type { Stage } from "../fault.ts";

/** Until every partition's stream is that recorder's. */
export async function untilAllAreOf(stage: Stage, recorder: Role): Promise<void> {
  await eventually(`${recorder.name} has all partitions`, async () => {
    const writers = await writersOf(stage);
    return writers.every((writer) => writer.endsWith(` ${recorder.pid}`));
  });
}

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
