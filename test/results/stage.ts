/** A feed behind the real server; its clock and its ticks are the test's. */
import type { Contest } from "../../src/election/contest.ts";
import { type HttpServer, serve } from "../../src/http/server.ts";
import { Feed, type FeedOptions } from "../../src/results/feed.ts";
import { Figures } from "../../src/results/figures.ts";
import { resultsRoutes } from "../../src/results/routes.ts";
import { RunningTally } from "../../src/results/running-tally.ts";
import { handClock } from "../support/hand-clock.ts";
import { contestOf, NOW_MS, votes } from "./support.ts";
import { Watcher } from "./watching.ts";

export class Stage implements AsyncDisposable {
  readonly clock = handClock(NOW_MS);
  figures = { tally: new RunningTally(), asOfMs: NOW_MS as number | null };
  contest: Contest = contestOf();
  isKnown = true;
  asked = 0;
  readonly feed: Feed;
  readonly server: HttpServer;
  private readonly watchers: Watcher[] = [];

  constructor(options: Partial<FeedOptions> = {}) {
    this.feed = new Feed(
      new Figures(new Map([[0, this.figures]])),
      {
        get: () => (this.isKnown ? this.contest : undefined),
        fresh: async () => {
          this.asked++;
          return this.contest;
        },
      },
      {
        viewersMax: 100,
        updateMs: 500,
        keepAliveMs: 15_000,
        viewerQueueBytesMax: 16_384,
        clock: this.clock,
        ...options,
      },
    );
    this.server = serve({
      hostname: "127.0.0.1",
      port: 0,
      routes: resultsRoutes(
        this.feed,
        async () => this.contest,
        async () => this.contest.allowedOrigins,
      ),
      bodyBytesMax: 1_024,
      onUnexpected: (error) => {
        throw error;
      },
    });
  }

  vote(counts: Record<number, number>): void {
    this.figures.tally.add(votes(counts), this.clock.nowMs, this.clock.nowMs);
  }

  async tickAfter(ms: number): Promise<void> {
    this.clock.nowMs += ms;
    this.figures.asOfMs = this.clock.nowMs;
    await this.feed.tick();
  }

  watch(headers: Record<string, string> = {}): Watcher {
    const watcher = Watcher.open(`${this.server.url}/v1/contests/mayor/results/stream`, headers);
    this.watchers.push(watcher);
    return watcher;
  }

  /** A viewer that has seen the history and the first snapshot, or the history alone. */
  async watching(headers: Record<string, string> = {}, events = 2): Promise<Watcher> {
    const watcher = this.watch(headers);
    for (let i = 0; i < events; i++) await watcher.next();
    return watcher;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const watcher of this.watchers) await watcher[Symbol.asyncDispose]();
    await this.server.stop();
  }
}
