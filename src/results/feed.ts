/**
 * The feed: live results for viewers, over Server-Sent Events.
 *
 * A stream begins with the history of the turnout and a whole snapshot; every later event is a whole snapshot too,
 * so that nothing is missed by whoever comes back, and a `Last-Event-ID` only saves the first one. It ends with a
 * goodbye that names the reason. Everything is bounded: viewers, what may wait for one of them, updates a second.
 */
import type { ResultsAnswer } from "../election/answers.ts";
import type { Contest } from "../election/contest.ts";
import type { Clock } from "../runtime/clock.ts";
import { Problem } from "../runtime/problem.ts";
import type { GoodbyeReason } from "./events.ts";
import type { Figures } from "./figures.ts";
import { Hub } from "./hub.ts";
import { resultsOf } from "./results.ts";

export type FeedOptions = {
  viewersMax: number;
  updateMs: number;
  keepAliveMs: number;
  viewerQueueBytesMax: number;
  clock: Clock;
};

/** Contests as they are now, or nearly. */
export interface ContestLookUp {
  /** What is known and young enough to be believed, at once. */
  get(id: string): Contest | undefined;
  /** Asks the ledger, after which {@link get} knows. Throws when the ledger does not answer. */
  fresh(id: string): Promise<Contest | null>;
}

/** How often every hub is looked at: the first vote after a quiet time is shown this much later at most. */
const TICK_MS = 50;
/** How often contests that the look-up has lost are asked for. */
const LOOK_UP_MS = 1_000;

export class Feed {
  /** By contest uuid; a hub lives while it has viewers. */
  private readonly hubs = new Map<string, Hub>();
  private readonly droppedCounts: Record<GoodbyeReason, number> = { slow_viewer: 0, shutting_down: 0 };
  private viewerCount = 0;
  private accepting = true;
  /** By the steady clock. */
  private lookedUpAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly figures: Figures,
    private readonly contests: ContestLookUp,
    private readonly options: FeedOptions,
  ) {}

  get viewers(): number {
    return this.viewerCount;
  }

  get contestsWatched(): number {
    return this.hubs.size;
  }

  /** Viewers that were told goodbye, by reason. */
  get dropped(): Readonly<Record<GoodbyeReason, number>> {
    return this.droppedCounts;
  }

  /** The contest's results now. Throws {@link Problem} `not_available` while they were never complete. */
  results(contest: Contest): ResultsAnswer {
    const asOfMs = this.figures.asOfMs(contest);
    if (asOfMs === null && contest.finalTally === null) {
      throw new Problem("not_available", "the ballots recorded so far are still being counted");
    }
    return resultsOf(contest, this.figures.tallyOf(contest), this.options.clock.now(), asOfMs ?? 0);
  }

  /**
   * A stream of results; the server's idle timeout must be longer than `keepAliveMs`, and is what cuts off readers
   * that stall. Throws {@link Problem} `not_available` when there are too many viewers, or nothing to show yet.
   */
  openStream(contest: Contest, request: Request): Response {
    if (!this.accepting) throw new Problem("not_available", "this server is shutting down");
    if (this.viewerCount >= this.options.viewersMax) {
      throw new Problem("not_available", `this server has its ${this.options.viewersMax} viewers`);
    }
    const stream = this.hubOf(contest).open(request.headers.get("last-event-id"));
    this.viewerCount++;
    return new Response(stream, {
      headers: {
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        // nginx would collect events before it passes them on.
        "x-accel-buffering": "no",
      },
    });
  }

  /** Sends updates until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.tick();
      await this.options.clock.pause(TICK_MS, signal);
    }
  }

  /** Sends whatever is due. One call at a time. */
  async tick(): Promise<void> {
    const steadyMs = this.options.clock.steadyMs();
    this.lookUpLost(steadyMs);
    for (const hub of this.hubs.values()) {
      await hub.tick(this.contests.get(hub.contest.id) ?? hub.contest, steadyMs);
    }
  }

  /** Takes no more viewers, and says goodbye to those it has. */
  drain(): void {
    this.accepting = false;
    for (const hub of this.hubs.values()) hub.close("shutting_down");
  }

  private hubOf(contest: Contest): Hub {
    const { uuid } = contest;
    const { clock, updateMs, keepAliveMs, viewerQueueBytesMax } = this.options;
    const hub =
      this.hubs.get(uuid) ??
      new Hub(
        contest,
        {
          results: (shown) => this.results(shown),
          turnoutSeries: (shown) => this.figures.turnoutSeries(shown, clock.now()),
        },
        {
          updateMs,
          keepAliveMs,
          viewerQueueBytesMax,
          onLeft: (left, reason) => this.onLeft(left, reason),
        },
        clock.steadyMs(),
      );
    this.hubs.set(uuid, hub);
    return hub;
  }

  private onLeft(hub: Hub, reason: GoodbyeReason | "vanished"): void {
    this.viewerCount--;
    if (reason !== "vanished") this.droppedCounts[reason]++;
    if (hub.isEmpty) this.hubs.delete(hub.contest.uuid);
  }

  /** While the ledger does not answer, viewers go on seeing the contest as it was last known. */
  private lookUpLost(steadyMs: number): void {
    if (steadyMs - this.lookedUpAtMs < LOOK_UP_MS) return;
    this.lookedUpAtMs = steadyMs;
    for (const { contest } of this.hubs.values()) {
      if (this.contests.get(contest.id) === undefined) this.contests.fresh(contest.id).catch(() => undefined);
    }
  }
}
