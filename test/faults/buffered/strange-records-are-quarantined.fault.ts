/**
 * A stranger who reaches Kafka writes what is no ballot into the topic, under load: garbage, tombstones, ballots of contests
 * that are not this election's, ballots in partitions that are not their voters', barriers for closes that never were. All
 * of it is kept in quarantine and counted, and the partitions go on.
 */
import { randomUUID } from "node:crypto";
import { encodeRecord } from "../../../src/buffering/record.ts";
import { partitionOf } from "../../../src/election/buffering.ts";
import { eventually } from "../../support/eventually.ts";
import type { StrangeRecord } from "../cluster/brokers.ts";
import type { Fault, Stage } from "../fault.ts";

export const strangeRecords: Fault = {
  buffered: true,
  name: "strange-records-are-quarantined",
  async run(stage) {
    const { cluster, random, voters, contest } = stage;
    const records = Array.from({ length: random.whole(20, 60) }, () => strange(stage));
    stage.event(`a stranger writes ${records.length} records`);
    await cluster.brokers!.write(contest.topic, records);
    await eventually("all are in quarantine", async () => (await quarantined(stage)) === records.length);
    await voters.acknowledge(60);
  },
};

function strange({ random, contest }: Stage): StrangeRecord {
  const partition = random.whole(0, contest.partitions - 1);
  const key = random.chance(0.3) ? random.bytes(random.whole(0, 40)) : null;
  const voterKey = random.bytes(16).toString("hex");
  const ballot = {
    kind: "ballot",
    contestUuid: contest.uuid,
    voterKey,
    nonce: random.bytes(16).toString("base64url"),
    selections: [random.whole(1, contest.options)],
    acceptedAtMs: Date.now(),
  } as const;
  const own = partitionOf(voterKey, contest);
  switch (random.whole(0, 6)) {
    case 0:
      return { partition, key, value: null };
    case 1:
      return { partition, key, value: random.bytes(random.whole(0, 300)) };
    case 2:
      return { partition, key, value: encodeRecord({ ...ballot, contestUuid: randomUUID() }) };
    case 3:
      return { partition: (own + 1) % contest.partitions, key, value: encodeRecord(ballot) };
    case 4:
      return { partition: own, key, value: encodeRecord({ ...ballot, selections: [99] }) };
    case 5:
      return { partition: own, key, value: encodeRecord({ ...ballot, selections: [] }) };
    default: {
      const barrier = { kind: "barrier", contestUuid: contest.uuid, closesAtMs: Date.now() } as const;
      return { partition, key, value: encodeRecord(barrier) };
    }
  }
}

async function quarantined({ cluster, contest }: Stage): Promise<number> {
  const counts = await Promise.all(
    cluster.ledgers.map((ledger) =>
      ledger.read(async (client) => {
        const { rows } = await client.query(
          "SELECT count(*)::int AS count FROM quarantine JOIN streams USING (stream_id) WHERE election_uuid = $1",
          [contest.electionUuid],
        );
        return rows[0].count as number;
      }),
    ),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}
