/** What the doctor asks of Kafka: its brokers, the topics of elections that take ballots, and who drains them. */
import { topicOf } from "../election/buffering.ts";
import type { Election } from "../election/election.ts";
import { Cluster } from "../kafka/cluster.ts";
import { Coordinator } from "../kafka/coordinator.ts";
import { inspectKafka } from "../kafka/inspection.ts";
import { selectElectionsToDrain } from "../postgres/contests.ts";
import { openForReading } from "../postgres/recount-source.ts";
import type { SessionOptions } from "../postgres/session.ts";
import type { DurabilityCheck } from "../recording/durability.ts";
import { kafkaAddress, RECORDERS_GROUP } from "../roles/kafka.ts";

const REACHABLE = { check: "Kafka reachable", mend: "start the brokers, or let this machine reach them" };

export async function kafkaChecks(
  address: string,
  databaseUrl: string,
  session: SessionOptions,
): Promise<DurabilityCheck[]> {
  await using cluster = new Cluster(kafkaAddress(address), "urna doctor");
  const elections = await electionsOf(databaseUrl, session);
  try {
    await cluster.lookUp([]);
  } catch (error) {
    return [{ ...REACHABLE, ok: false, found: (error as Error).message }];
  }
  const reachable = { ...REACHABLE, ok: true, found: "yes" };
  try {
    const names = elections.map(({ uuid }) => topicOf(uuid));
    return [
      reachable,
      ...(await inspectKafka(cluster, names)),
      ...(await Promise.all(elections.map((election) => topicIdCheck(cluster, election)))),
      await recordersCheck(cluster, elections),
    ];
  } catch (error) {
    const mend = "see what this user may do: docs/operations/running.md says what it must be allowed to";
    return [reachable, { check: "Kafka examined", ok: false, found: (error as Error).message, mend }];
  }
}

/** None where the home ledger does not answer: that is told by other checks. */
async function electionsOf(databaseUrl: string, options: SessionOptions): Promise<Election[]> {
  try {
    const { session } = await openForReading(databaseUrl, options);
    await using home = session;
    return await selectElectionsToDrain(home);
  } catch {
    return [];
  }
}

/** A topic that was made anew lacks what the first one had. */
async function topicIdCheck(cluster: Cluster, { id, uuid, buffering }: Election): Promise<DurabilityCheck> {
  const topic = await cluster.topic(topicOf(uuid));
  const { topicId, partitions } = buffering!;
  return {
    check: `${topicOf(uuid)} is election ${id}'s`,
    ok: topic?.id === topicId && topic?.partitions.length === partitions,
    found: topic === null ? "not there" : `id ${topic.id}, ${topic.partitions.length} partitions`,
    mend: `restore the topic with id ${topicId} and ${partitions} partitions: it may have ballots that no ledger has`,
  };
}

async function recordersCheck(cluster: Cluster, elections: readonly Election[]): Promise<DurabilityCheck> {
  const check = "recorders";
  const mend = "start urna recorder; right after one came or went, or was the first ever, wait a moment";
  const partitions = elections.reduce((sum, { buffering }) => sum + buffering!.partitions, 0);
  try {
    const members = await new Coordinator(cluster, RECORDERS_GROUP).members();
    const drained = members.reduce((sum, member) => sum + member.partitions, 0);
    const found = `${members.length} recorders drain ${drained} of ${partitions} partitions`;
    return { check, ok: drained >= partitions, found, mend };
  } catch (error) {
    // The brokers answer; the group's coordinator does not, or there is none before anybody ever joined a group.
    const found = `nobody tells who drains ${partitions} partitions: ${(error as Error).message}`;
    return { check, ok: partitions === 0, found, mend };
  }
}
