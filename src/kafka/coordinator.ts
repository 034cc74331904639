/** The broker that keeps a group's members and offsets. */
import {
  type Connection,
  consumerGroupDescribeV0,
  findCoordinatorV6,
  findErrorBy,
  offsetCommitV9,
} from "@platformatic/kafka";
import type { Endpoint } from "./address.ts";
import type { Cluster } from "./cluster.ts";
import { CODE } from "./errors.ts";

const GROUP = 0;
const ANSWER_TIMEOUT_MS = 2_000;
const LEADER_EPOCH_UNKNOWN = -1;

/** Nothing is tried again here. */
export class Coordinator {
  private known: Endpoint | undefined;

  constructor(
    private readonly cluster: Cluster,
    private readonly group: string,
  ) {}

  /** It may be another one by now. */
  forget(): void {
    this.known = undefined;
  }

  async ask<Answer>(send: (connection: Connection) => Promise<Answer>): Promise<Answer> {
    this.known ??= await this.find();
    return this.cluster.connections.ask(this.known, ANSWER_TIMEOUT_MS, send);
  }

  /** By topic, the next offset of each partition. Throws where the group does not take all of them. */
  async commit(
    memberId: string,
    epoch: number,
    drained: readonly { name: string; offsets: ReadonlyMap<number, number> }[],
  ): Promise<void> {
    const topics = drained.map(({ name, offsets }) => ({
      name,
      partitions: [...offsets].map(([partitionIndex, offset]) => ({
        partitionIndex,
        committedOffset: BigInt(offset),
        committedLeaderEpoch: LEADER_EPOCH_UNKNOWN,
        committedMetadata: null,
      })),
    }));
    await this.ask((connection) =>
      offsetCommitV9.api.async(connection, this.group, epoch, memberId, null, topics),
    );
  }

  /** The members and how many partitions each has; none where there is no such group. Throws when it can't be asked. */
  async members(): Promise<{ host: string; partitions: number }[]> {
    let groups: consumerGroupDescribeV0.ConsumerGroupDescribeResponseGroup[];
    try {
      ({ groups } = await this.ask((connection) =>
        consumerGroupDescribeV0.api.async(connection, [this.group], false),
      ));
    } catch (error) {
      if (findErrorBy(error as Error, "apiCode", CODE.groupIdNotFound) !== null) return [];
      throw error;
    }
    return groups.flatMap(({ members }) =>
      members.map(({ clientHost, assignment }) => ({
        host: clientHost.replace(/^\//, ""),
        partitions: assignment.topicPartitions.reduce((sum, { partitions }) => sum + partitions.length, 0),
      })),
    );
  }

  private async find(): Promise<Endpoint> {
    const { coordinators } = await this.cluster.askAny((connection) =>
      findCoordinatorV6.api.async(connection, GROUP, [this.group]),
    );
    const { host, port } = coordinators[0]!;
    return { host, port };
  }
}
