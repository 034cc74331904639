/** A deployment's ledgers, each a database of its own, and a buffered election whose partitions are drained into them. */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { PartitionDrain } from "../../src/buffering/partition-drain.ts";
import type { BallotRecord, BarrierRecord } from "../../src/buffering/record.ts";
import type { ContestDefinition } from "../../src/contests/administration.ts";
import { type Buffering, ledgerOfPartition, partitionOf } from "../../src/election/buffering.ts";
import type { Contest } from "../../src/election/contest.ts";
import type { Election } from "../../src/election/election.ts";
import type { AcceptedReceipt } from "../../src/election/receipt.ts";
import { receiptLeaf } from "../../src/ledger/leaf.ts";
import { PostgresBallotLedger } from "../../src/postgres/ballot-ledger.ts";
import type { PostgresContestStore } from "../../src/postgres/contest-store.ts";
import { PostgresDrainLedger } from "../../src/postgres/drain-ledger.ts";
import { commitOrThrow } from "../../src/postgres/durable-commit.ts";
import { becomeLedger, numberLedger } from "../../src/postgres/ledger-identity.ts";
import type { SessionPool } from "../../src/postgres/session-pool.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { MemoryLog } from "../buffering/memory-log.ts";
import { eventually } from "./eventually.ts";
import { createContest, electionOf, openStore } from "./record.ts";
import { freshDatabase } from "./shared-cluster.ts";

const TIMEOUT_MS = 10_000;

export type TestLedger = { number: number; connectionString: string; pool: SessionPool };

export class BufferedLedgers implements AsyncDisposable {
  /** By partition. */
  readonly logs: MemoryLog[];
  private readonly contests = new Map<string, Contest>();
  /** As a directory that knows its contests. */
  readonly lookUp = {
    get: (uuid: string) => this.contests.get(uuid),
    lastKnown: (uuid: string) => this.contests.get(uuid),
    fresh: async (uuid: string) => (await this.store.findContests([uuid]))[0] ?? null,
  };

  private constructor(
    private readonly opened: AsyncDisposableStack,
    /** The home ledger first. */
    readonly ledgers: readonly TestLedger[],
    readonly store: PostgresContestStore,
    readonly election: Election & { buffering: Buffering },
  ) {
    this.logs = Array.from({ length: election.buffering.partitions }, () => new MemoryLog());
  }

  /** Ledgers of the numbers 0 to the largest of these; partition p is drained into the one at p mod their count. */
  static async open(ledgers: readonly number[], partitions = 4): Promise<BufferedLedgers> {
    const opened = new AsyncDisposableStack();
    const deployment = randomUUID();
    const all: (TestLedger & { store: PostgresContestStore })[] = [];
    for (let number = 0; number <= Math.max(...ledgers); number++) {
      const connectionString = await freshDatabase();
      const { store, pool } = await openStore(opened, connectionString);
      const identity = { number, name: `ledger-${number}`, deployment };
      await pool.use((session) => commitOrThrow(session, TIMEOUT_MS, () => becomeLedger(session, identity)));
      all.push({ number, connectionString, pool, store });
    }
    const { store, pool } = all[0]!;
    for (const { number } of all.slice(1)) {
      await pool.use((session) =>
        commitOrThrow(session, TIMEOUT_MS, () => numberLedger(session, `ledger-${number}`)),
      );
    }
    const planned = electionOf({ partitions, ledgers, topicId: null });
    await store.createElection(planned);
    for (const number of new Set(ledgers)) {
      const numbers = [...Array(partitions).keys()].filter(
        (partition) => ledgerOfPartition(partition, planned.buffering!) === number,
      );
      const { pool } = all[number]!;
      await new PostgresBallotLedger(number, pool, TIMEOUT_MS).addElection(planned, numbers);
    }
    const election = await store.setTopic(planned, randomUUID());
    return new BufferedLedgers(opened, all, store, election as Election & { buffering: Buffering });
  }

  /** Open, and known to every ledger of the election. */
  async contest(changes: Partial<ContestDefinition> = {}): Promise<Contest> {
    const contest = await createContest(this.store, changes, this.election);
    this.contests.set(contest.uuid, contest);
    for (const number of new Set(this.election.buffering.ledgers))
      await this.recording(number).addContest(contest);
    return contest;
  }

  /** The ledger as administration uses it. */
  recording(number: number): PostgresBallotLedger {
    return new PostgresBallotLedger(number, this.ledgers[number]!.pool, TIMEOUT_MS);
  }

  /** A ballot of the n-th voter of that partition. */
  ballot(
    contest: Contest,
    partition: number,
    voter: number,
    changes: Partial<BallotRecord> = {},
  ): BallotRecord {
    const { uuid: contestUuid } = contest;
    const nonce = randomBytes(16).toString("base64url");
    const voterKey = voterOf(this.election.buffering, partition, voter);
    const acceptedAtMs = Date.now();
    return { kind: "ballot", contestUuid, voterKey, nonce, selections: [1], acceptedAtMs, ...changes };
  }

  /** Appends them, and returns their receipts; null for what is no ballot. */
  append(
    partition: number,
    ...records: (BallotRecord | BarrierRecord | Buffer)[]
  ): (AcceptedReceipt | null)[] {
    const log = this.logs[partition]!;
    return records.map((record) => {
      const offset = log.next;
      log.add(record);
      if (Buffer.isBuffer(record) || record.kind !== "ballot") return null;
      return receiptOf(record, partition, offset);
    });
  }

  /** Until everything that was appended is in the ledgers. */
  async drain(recordsMax = 1_000): Promise<void> {
    await Promise.all(this.logs.map((log, partition) => this.drainPartition(log, partition, recordsMax)));
  }

  private async drainPartition(log: MemoryLog, partition: number, recordsMax: number): Promise<void> {
    if (log.next === 0) return;
    const end = new AbortController();
    const number = ledgerOfPartition(partition, this.election.buffering);
    const ledger = new PostgresDrainLedger(this.ledgers[number]!.pool, {
      ...{ writer: "test", timeoutMs: TIMEOUT_MS, gateFaults: () => [], overrideGate: false },
    });
    const drain = new PartitionDrain(log, ledger, this.lookUp, {
      key: { electionUuid: this.election.uuid, partition },
      topic: { name: "topic", id: log.id },
      ...{ recordsMax, bytesMax: 1_000_000, waitMs: 20, gatherMs: 0, retryPauseMs: 5, retryPauseMsMax: 20 },
      ...{ clock: systemClock, onBlock: () => undefined },
      onRetry: (error) => {
        throw error;
      },
      onDrained: () => undefined,
    });
    // Somebody who drained it before may have come to its end already.
    const isDrained = async () => (await this.nextOffset(partition)) === log.next;
    const running = drain.run(end.signal);
    await Promise.race([running, eventually(`partition ${partition} is drained`, isDrained)]);
    end.abort();
    await running;
  }

  private async nextOffset(partition: number): Promise<number | undefined> {
    const number = ledgerOfPartition(partition, this.election.buffering);
    const [row] = await this.ledgers[number]!.pool.use((session) =>
      session.query<{ next_offset: number }>(
        { text: "SELECT next_offset FROM streams WHERE election_uuid = $1 AND partition = $2" },
        [this.election.uuid, partition],
      ),
    );
    return row?.next_offset;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.opened.disposeAsync();
  }
}

/** The n-th of the voters who belong to that partition. */
export function voterOf(buffering: Pick<Buffering, "partitions">, partition: number, voter: number): string {
  for (let i = 0; ; i++) {
    const voterKey = createHash("md5").update(`${partition} ${voter} ${i}`).digest("hex");
    if (partitionOf(voterKey, buffering) === partition) return voterKey;
  }
}

function receiptOf(record: BallotRecord, partition: number, offset: number): AcceptedReceipt {
  const { contestUuid: contest, nonce, selections, acceptedAtMs } = record;
  const leaf = receiptLeaf(contest, selections, nonce);
  const acceptedAt = new Date(acceptedAtMs).toISOString();
  return { contest, leaf, nonce, selections, partition, offset, acceptedAt };
}
