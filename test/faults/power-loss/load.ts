/** Clients that insert votes, and their own book of what they sent and what was acknowledged. */
import type pg from "pg";
import type { Pair } from "./pair.ts";

const CLIENTS = 4;

export class Load {
  readonly sent = new Set<number>();
  readonly acknowledged = new Set<number>();
  private stopped = false;
  private clients: Promise<unknown> = Promise.resolve();
  /** Owned by acknowledgedMore(). */
  private onAcknowledged: () => void = () => {};

  /**
   * Goes on until the connections break, or stop(). Meanwhile one checkpoint follows the other on both nodes, so that
   * the power often goes in the middle of one, and every page is soon written again. Waits for the nodes to be up.
   */
  async start({ primary, standby }: Pair): Promise<void> {
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => primary.connect()));
    const checkpointing = await Promise.all([primary.connect(), standby.connect()]);
    this.stopped = false;
    this.clients = Promise.all([
      ...clients.map((client) => this.vote(client)),
      ...checkpointing.map((client) => this.checkpoint(client)),
    ]);
  }

  /** Resolves at the moment when `count` more are acknowledged; the load goes on. */
  async acknowledgedMore(count: number): Promise<void> {
    const target = this.acknowledged.size + count;
    const reached = new Promise<void>((resolve) => {
      this.onAcknowledged = () => this.acknowledged.size >= target && resolve();
    });
    const ended = this.clients.then(() => Promise.reject(new Error("all clients lost their connections")));
    await Promise.race([reached, ended]);
  }

  /** Resolves when all clients have ended: after the votes that they have in flight, or with their connections. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.clients;
  }

  /** What is wrong with a node's rows: acknowledged ones that it lacks, and others that nobody sent. */
  judge(rows: readonly number[]): { missing: number[]; invented: number[] } {
    const found = new Set(rows);
    return {
      missing: [...this.acknowledged].filter((vote) => !found.has(vote)),
      invented: rows.filter((vote) => !this.sent.has(vote)),
    };
  }

  private async checkpoint(client: pg.Client & AsyncDisposable): Promise<void> {
    await using _ = client;
    while (!this.stopped) {
      const done = await client.query("CHECKPOINT").then(
        () => true,
        () => false, // the node is gone
      );
      if (!done) return;
    }
  }

  /** Votes are drawn at random, so that they go to all pages of the index. */
  private async vote(client: pg.Client & AsyncDisposable): Promise<void> {
    await using _ = client;
    let warned = false;
    client.on("notice", () => {
      warned = true; // committed, but perhaps not on the standby
    });
    while (!this.stopped && !warned) {
      const vote = Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
      this.sent.add(vote);
      try {
        await client.query("INSERT INTO votes VALUES ($1)", [vote]);
      } catch {
        return; // its outcome is unknown
      }
      if (warned) return;
      this.acknowledged.add(vote);
      this.onAcknowledged();
    }
  }
}
