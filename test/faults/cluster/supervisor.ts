/**
 * The supervisor of a cluster under test: does what an operator, or Patroni, does when a primary is gone.
 *
 * It reaches nodes through the network as everybody does, and promotes only where no acknowledged commit can be
 * missing and the old primary can acknowledge none any more: with `ANY w` of n standbys it first stops n − w + 1 of
 * them from receiving. Any commit that was acknowledged is on one of those, and the others are too few for another.
 */
import { poll } from "../../../src/embedded/polling.ts";
import type { Network } from "./network.ts";
import type { Node } from "./node.ts";
import {
  type Address,
  type Client,
  confirmCommit,
  isAtItsEnd,
  promote,
  receivedTo,
  receiveFrom,
  stopReceiving,
  withClient,
} from "./statements.ts";

/** How many standbys a commit waits for: ANY 1. */
const QUORUM = 1;
const STOP_TIMEOUT_MS = 10_000;
const CONFIRM_TIMEOUT_MS = 20_000;

/** Promoting now could lose acknowledged commits, or leave two primaries that acknowledge. */
export class PromotionRefused extends Error {}

/** `performance.now()` of each step. */
export type Failover = { from: string; to: string; promotedAtMs: number; confirmedAtMs: number };

type Standby = { node: Node; receivedTo: number };

export type SupervisorOptions = {
  nodes: readonly Node[];
  network: Network;
  superuser: Omit<Address, "port">;
  connectionInfo: (node: Node, primary: Node) => string;
};

export class Supervisor {
  private readonly options: SupervisorOptions;
  /** The node that is primary as far as the supervisor has decided; owned by promotions. */
  private current: Node;
  /** Those that may have what the primary has not; whoever makes them anew takes them out. */
  readonly stale = new Set<Node>();

  constructor(options: SupervisorOptions) {
    this.options = options;
    this.current = options.nodes[0]!;
  }

  get leader(): Node {
    return this.current;
  }

  get standbys(): Node[] {
    return this.options.nodes.filter((node) => node !== this.current);
  }

  /** Replaces the primary. Throws {@link PromotionRefused}, having changed nothing that is still there. */
  async failover(): Promise<Failover> {
    await this.fence(this.current);
    const unreached: string[] = [];
    const stopped = await this.stopReceiving(unreached);
    const needed = this.standbys.length - QUORUM + 1;
    if (stopped.length < needed) {
      for (const { node } of stopped) await this.follow(node);
      const names = stopped.map(({ node }) => node.name).join(", ") || "none";
      throw new PromotionRefused(
        `${needed} standbys must be reached and stopped, and only ${names} could be: ${unreached.join("; ")}`,
      );
    }
    const [best] = stopped.sort((one, other) => other.receivedTo - one.receivedTo);
    const others = stopped.filter((standby) => standby !== best).map(({ node }) => node);
    return this.promote(best!.node, others);
  }

  /** Promotes that node, whatever is lost by it, and lets `followers` follow it. {@link failover} guards against loss. */
  async promote(node: Node, followers: readonly Node[] = []): Promise<Failover> {
    const from = this.current;
    await this.reach(node, promote);
    const promotedAtMs = performance.now();
    this.current = node;
    for (const standby of this.standbys) {
      if (!followers.includes(standby)) this.stale.add(standby);
    }
    this.stale.delete(node);
    for (const follower of followers) await this.follow(follower);
    return {
      from: from.name,
      to: node.name,
      promotedAtMs,
      confirmedAtMs: followers.length === 0 ? Infinity : await this.confirmed(),
    };
  }

  /** When the new primary's commits are confirmed by a standby. */
  private async confirmed(): Promise<number> {
    const confirmed = await poll(CONFIRM_TIMEOUT_MS, () =>
      this.reach(this.current, confirmCommit).then(
        () => true,
        () => false,
      ),
    );
    if (!confirmed) throw new Error(`${this.current.name} was promoted, and no standby confirms its commits`);
    return performance.now();
  }

  /** An old primary that can be reached is stopped for good; one that can't is made harmless through its standbys. */
  private async fence(node: Node): Promise<void> {
    if (this.options.network.isOpen("supervisor", node.name) && !node.isFrozen) await node.kill();
  }

  /** Those that could be stopped from receiving, and how far each has come; it will come no further. Notes why others not. */
  private async stopReceiving(unreached: string[]): Promise<Standby[]> {
    const stopped = await Promise.all(
      this.standbys.map(async (node): Promise<Standby[]> => {
        try {
          return await this.reach(node, async (client) => {
            await stopReceiving(client);
            const done = await poll(STOP_TIMEOUT_MS, () => isAtItsEnd(client));
            if (!done) throw new Error("it is not at the end of what it received");
            return [{ node, receivedTo: await receivedTo(client) }];
          });
        } catch (error) {
          unreached.push(`${node.name}: ${(error as Error).message}`);
          return [];
        }
      }),
    );
    return stopped.flat();
  }

  private async follow(node: Node): Promise<void> {
    const connectionInfo = this.options.connectionInfo(node, this.current);
    await this.reach(node, (client) => receiveFrom(client, connectionInfo));
  }

  private reach<T>(node: Node, work: (client: Client) => Promise<T>): Promise<T> {
    const port = this.options.network.port("supervisor", node.name);
    return withClient({ ...this.options.superuser, port }, work);
  }
}
