/**
 * A member of a consumer group, for the assignment alone: which partitions are whose is decided by Kafka's coordinator
 * and comes in answer to heartbeats (KIP-848, Kafka 4.0 and later).
 *
 * ```
 *  joining ─ heartbeat at epoch 0 ─▶ member ─ heartbeats at its epoch ─▶ told of changes, which it confirms at once
 *     ▲                                │
 *     └── the group knows it no more ──┘   (it was silent for too long: what it had may be another's)
 * ```
 *
 * While no coordinator answers it keeps what it was told: whoever drains a partition is fenced by the ledger, not by this.
 */
import { consumerGroupHeartbeatV1, findErrorBy } from "@platformatic/kafka";
import type { AssignedPartition, GroupMember, Retrying } from "../buffering/log.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Cluster } from "./cluster.ts";
import { Coordinator } from "./coordinator.ts";
import { CODE } from "./errors.ts";

export type GroupMemberOptions = {
  group: string;
  clock: Clock;
  /** After a heartbeat that was not answered. */
  retryPauseMs: number;
  /** Between two times that it tells how far partitions have been drained. */
  drainedPauseMs: number;
  onRetry: (error: Error) => void;
};

const JOINING = 0;
const LEAVING = -1;
const UNCHANGED = -1;
/** How long the coordinator waits for a partition to be given up. It is given up at once. */
const REBALANCE_TIMEOUT_MS = 10_000;

/** Subscribing ends it. */
const NO_TOPICS_PAUSE_MS = 60_000;

type Owned = ReadonlyMap<string, readonly number[]>;

export class KafkaGroupMember implements GroupMember {
  retrying: Retrying | null = null;
  private readonly memberId = crypto.randomUUID();
  private readonly coordinator: Coordinator;
  private topics: readonly string[] = [];
  /** Ends the pause between two heartbeats. */
  private wake = new AbortController();
  /** Owned by run() and what it calls. */
  private epoch = JOINING;
  /** By topic id, as the coordinator told it. */
  private owned: Owned = new Map();
  private readonly names = new Map<string, string>();
  private told = "[]";
  /** Whether the coordinator is to hear all of this member's state: otherwise a heartbeat says that it is alive. */
  private saysAll = true;
  /** How far partitions have been drained that the group has not been told yet; by topic, then by partition. */
  private readonly drainedUpTo = new Map<string, Map<number, number>>();

  constructor(
    private readonly cluster: Cluster,
    private readonly options: GroupMemberOptions,
  ) {
    this.coordinator = new Coordinator(cluster, options.group);
  }

  subscribe(topics: readonly string[]): void {
    if (topics.join() === this.topics.join()) return;
    this.topics = [...topics];
    this.saysAll = true;
    this.wake.abort();
  }

  drained({ topic, partition }: AssignedPartition, nextOffset: number): void {
    const partitions = this.drainedUpTo.get(topic) ?? new Map<number, number>();
    this.drainedUpTo.set(topic, partitions.set(partition, nextOffset));
  }

  async run(
    signal: AbortSignal,
    onAssigned: (assigned: readonly AssignedPartition[]) => void,
  ): Promise<void> {
    const { clock, drainedPauseMs } = this.options;
    const telling = (async () => {
      while (!signal.aborted) {
        await clock.pause(drainedPauseMs, signal);
        await this.tellDrained();
      }
    })();
    while (!signal.aborted) {
      this.wake = new AbortController();
      const pauseMs = await this.beat(onAssigned);
      await clock.pause(pauseMs, AbortSignal.any([signal, this.wake.signal]));
    }
    await telling;
    await this.leave();
  }

  /** Returns how long to wait before the next one. */
  private async beat(onAssigned: (assigned: readonly AssignedPartition[]) => void): Promise<number> {
    if (this.topics.length === 0) {
      await this.leave();
      this.forgetOwned(onAssigned);
      this.retrying = null;
      return NO_TOPICS_PAUSE_MS;
    }
    try {
      const saysAll = this.saysAll || this.epoch === JOINING;
      this.saysAll = false;
      const { memberEpoch, heartbeatIntervalMs, assignment } = await this.heartbeat(this.epoch, saysAll);
      this.epoch = memberEpoch;
      await this.learnNames((assignment?.topicPartitions ?? []).map(({ topicId }) => topicId));
      this.retrying = null;
      if (assignment === null) return heartbeatIntervalMs;
      const owned: Owned = new Map(assignment.topicPartitions.map((each) => [each.topicId, each.partitions]));
      // Whoever says all is told all, also what has not changed.
      if (textOf(owned) === textOf(this.owned)) return heartbeatIntervalMs;
      this.owned = owned;
      this.tell(onAssigned);
      // That it has been taken note of: until then others wait for what was taken away here.
      this.saysAll = true;
      return 0;
    } catch (error) {
      this.saysAll = true;
      const { clock, onRetry } = this.options;
      this.retrying = { sinceMs: this.retrying?.sinceMs ?? clock.steadyMs(), error: error as Error };
      onRetry(error as Error);
      if (isForgotten(error)) this.forgetOwned(onAssigned);
      else this.coordinator.forget();
      return this.options.retryPauseMs;
    }
  }

  private forgetOwned(onAssigned: (assigned: readonly AssignedPartition[]) => void): void {
    this.epoch = JOINING;
    this.owned = new Map();
    this.tell(onAssigned);
  }

  private heartbeat(
    epoch: number,
    saysAll: boolean,
  ): Promise<consumerGroupHeartbeatV1.ConsumerGroupHeartbeatResponse> {
    const owned = [...this.owned].map(([topicId, partitions]) => ({ topicId, partitions: [...partitions] }));
    return this.coordinator.ask((connection) =>
      consumerGroupHeartbeatV1.api.async(
        connection,
        this.options.group,
        this.memberId,
        epoch,
        null,
        null,
        saysAll ? REBALANCE_TIMEOUT_MS : UNCHANGED,
        saysAll ? [...this.topics] : null,
        null,
        null,
        saysAll ? owned : null,
      ),
    );
  }

  /** Of topics that were assigned and have not been met yet. Throws when they can't be looked up: then it is told again. */
  private async learnNames(ids: readonly string[]): Promise<void> {
    if (ids.every((id) => this.names.has(id))) return;
    const { topics } = await this.cluster.lookUp(this.topics);
    for (const [name, { id }] of topics) this.names.set(id, name);
    const strange = ids.find((id) => !this.names.has(id));
    if (strange !== undefined) throw new Error(`no broker knows a topic of id ${strange}`);
  }

  private tell(onAssigned: (assigned: readonly AssignedPartition[]) => void): void {
    const assigned = [...this.owned].flatMap(([id, partitions]) =>
      partitions.map((partition) => ({ topic: this.names.get(id)!, partition })),
    );
    const told = JSON.stringify(assigned);
    if (told === this.told) return;
    this.told = told;
    onAssigned(assigned);
  }

  /** What can't be told now is told with what comes next. */
  private async tellDrained(): Promise<void> {
    if (this.drainedUpTo.size === 0 || this.epoch === JOINING) return;
    const drained = [...this.drainedUpTo].map(([name, offsets]) => ({ name, offsets: new Map(offsets) }));
    try {
      await this.coordinator.commit(this.memberId, this.epoch, drained);
      for (const { name, offsets } of drained) this.forgetDrained(name, offsets);
    } catch {
      // For whoever watches the lag it is late.
    }
  }

  private forgetDrained(topic: string, told: ReadonlyMap<number, number>): void {
    const partitions = this.drainedUpTo.get(topic)!;
    for (const [partition, offset] of told) {
      if (partitions.get(partition) === offset) partitions.delete(partition);
    }
    if (partitions.size === 0) this.drainedUpTo.delete(topic);
  }

  /** So that others need not wait for its silence to be noticed. */
  private async leave(): Promise<void> {
    if (this.epoch === JOINING) return;
    await this.tellDrained();
    await this.heartbeat(LEAVING, false).catch(() => undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.cluster[Symbol.asyncDispose]();
  }
}

function textOf(owned: Owned): string {
  const sorted = [...owned].map(([id, partitions]) => [id, [...partitions].sort((a, b) => a - b)] as const);
  return JSON.stringify(sorted.sort(([one], [other]) => (one < other ? -1 : 1)));
}

function isForgotten(error: unknown): boolean {
  return [CODE.unknownMemberId, CODE.fencedMemberEpoch].some(
    (code) => findErrorBy(error as Error, "apiCode", code) !== null,
  );
}
