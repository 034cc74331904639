/**
 * An election whose log is going to be damaged, beside the one that everybody votes in: what was accepted there is lost with
 * its log, which no ledger can help. What is asked is that its partitions stop, say so, and skip nothing.
 */

import type { AcceptedReceipt } from "../../../src/election/receipt.ts";
import { eventually } from "../../support/eventually.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { openContest, type TestContest } from "../contest.ts";
import type { Stage } from "../fault.ts";
import { saidBy } from "../judge/journal.ts";

const ANSWER_TIMEOUT_MS = 5_000;

export class Victim {
  private voters = 0;

  private constructor(
    private readonly stage: Stage,
    readonly contest: TestContest,
  ) {}

  /** Some ballots of each partition are recorded. */
  static async open(stage: Stage): Promise<Victim> {
    const { cluster, contest } = stage;
    const victim = new Victim(stage, await openContest(cluster, `victim-${contest.uuid.slice(0, 8)}`));
    cluster.damaged.add(victim.contest.topic);
    const receipts = await victim.cast(40);
    for (const receipt of receipts) await victim.untilRecorded(receipt);
    return victim;
  }

  /** So many voters' ballots, each sent until it is accepted. */
  cast(count: number): Promise<AcceptedReceipt[]> {
    const { cluster, random } = this.stage;
    return Promise.all(
      Array.from({ length: count }, async () => {
        const voter = `victim-${++this.voters}`;
        const gateway = random.one(cluster.gateways);
        return (await eventually(`${voter}'s ballot is accepted`, () => this.send(gateway.url, voter)))!;
      }),
    );
  }

  private async send(url: string, voter: string): Promise<AcceptedReceipt | null> {
    const answer = await fetch(`${url}/v1/contests/${this.contest.id}/ballots`, {
      method: "POST",
      headers: { authorization: `Bearer ${this.contest.mint(voter)}`, "content-type": "application/json" },
      body: JSON.stringify({ selections: [1] }),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    return saidBy("cast", answer.status, await answer.json()).accepted;
  }

  /** What verifying the receipt answers. */
  async fate(receipt: AcceptedReceipt): Promise<string | null> {
    const answer = await fetch(`${this.stage.cluster.role("results").url}/v1/receipts/verify`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(receipt),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    return saidBy("verify", answer.status, await answer.json()).fate;
  }

  async untilRecorded(receipt: AcceptedReceipt): Promise<void> {
    const isRecorded = async () => (await this.fate(receipt)) === "recorded";
    await eventually(`offset ${receipt.offset} of partition ${receipt.partition} is recorded`, isRecorded);
  }

  /** Of each partition, the offset that its next record will have. */
  ends(): Promise<number[]> {
    const { topic, partitions } = this.contest;
    const brokers = this.stage.cluster.brokers!;
    return Promise.all(Array.from({ length: partitions }, (_, partition) => brokers.end(topic, partition)));
  }

  /** Of each partition, the offset of the first record that no ledger has. */
  async drained(): Promise<number[]> {
    const offsets: number[] = [];
    for (const ledger of this.stage.cluster.ledgers) {
      await ledger.read(async (client) => {
        const { rows } = await client.query(
          "SELECT partition, next_offset::int4 AS offset FROM streams WHERE election_uuid = $1",
          [this.contest.electionUuid],
        );
        for (const { partition, offset } of rows) offsets[partition] = offset;
      });
    }
    return offsets;
  }

  /**
   * Until an operator is told that these partitions have stopped, by /readyz, metric and log. None of them was drained
   * further than so, and none of these ballots that are further on is said to be anything but accepted.
   */
  async expectStopped(
    partitions: readonly number[],
    atMost: readonly number[],
    accepted: readonly AcceptedReceipt[],
  ): Promise<void> {
    const { cluster } = this.stage;
    for (const partition of partitions) {
      await eventually(`partition ${partition} has stopped, and says so`, () =>
        isTold(cluster, this.contest, partition),
      );
    }
    const now = await this.drained();
    for (const partition of partitions) {
      if (now[partition]! <= atMost[partition]!) continue;
      throw new Error(`partition ${partition} went on from ${atMost[partition]} to ${now[partition]}`);
    }
    const isBehind = ({ partition, offset }: AcceptedReceipt) =>
      partitions.includes(partition) && offset >= atMost[partition]!;
    for (const receipt of accepted.filter(isBehind)) {
      const fate = await this.fate(receipt);
      if (fate !== "accepted") throw new Error(`offset ${receipt.offset} is told to be ${fate}`);
    }
  }
}

async function isTold(cluster: Cluster, { topic }: TestContest, partition: number): Promise<boolean> {
  for (const recorder of cluster.recorders) {
    const [reasons, stopped] = await Promise.all([
      recorder.unready(),
      recorder.metric("urna_partition_stopped"),
    ]);
    const isUnready = reasons.some((reason) => reason.startsWith(`partition ${partition} of ${topic}`));
    const isCounted = stopped.some(
      (line) => line.includes(topic) && line.includes(`partition="${partition}"`),
    );
    const isLogged = recorder.log
      .split("\n")
      .some((line) => line.includes("not drained until people have looked") && line.includes(topic));
    if (isUnready && isCounted && isLogged) return true;
  }
  return false;
}
