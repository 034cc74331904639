/** A hub: all viewers of one contest. What they see is rendered and encoded once, and only when it has changed. */
import { setImmediate as turn } from "node:timers/promises";
import type { ResultsAnswer } from "../election/answers.ts";
import type { Contest } from "../election/contest.ts";
import {
  type GoodbyeReason,
  goodbyeEvent,
  historyEvent,
  KEEP_ALIVE,
  resultsEvent,
  retryField,
  versionOf,
} from "./events.ts";
import type { TurnoutSeries } from "./turnout-history.ts";
import { Viewer } from "./viewer.ts";

/** Where a hub gets what it shows. */
export type Renderer = {
  results(contest: Contest): ResultsAnswer;
  turnoutSeries(contest: Contest): TurnoutSeries;
};

export type HubOptions = {
  /** Between two updates of a viewer at least. */
  updateMs: number;
  /** Without an update for so long, viewers get a comment, which shows them and every proxy that all is well. */
  keepAliveMs: number;
  /** A viewer with so much waiting is dropped. */
  viewerQueueBytesMax: number;
  /** A viewer has left: by itself, or for that reason. */
  onLeft: (hub: Hub, reason: GoodbyeReason | "vanished") => void;
};

/**
 * So many viewers are served before others get a turn. Sending to 10,000 takes 80 ms of processor time: served in one
 * go, another request waited 313 ms (99th percentile), in turns 25 ms, and updates came sooner too.
 */
const VIEWERS_A_TURN = 500;

export class Hub {
  private readonly viewers = new Set<Viewer>();
  private version: string;
  private snapshot: Uint8Array;
  private history: { endsAtMs: number; chunk: Uint8Array } | undefined;
  /** These two by the steady clock. */
  private updatedAtMs: number;
  private sentAtMs: number;

  constructor(
    private contestShown: Contest,
    private readonly renderer: Renderer,
    private readonly options: HubOptions,
    steadyMs: number,
  ) {
    const results = renderer.results(contestShown);
    this.version = versionOf(results);
    this.snapshot = resultsEvent(results, this.version);
    this.updatedAtMs = steadyMs;
    this.sentAtMs = steadyMs;
  }

  /** The contest as it was last looked up. */
  get contest(): Contest {
    return this.contestShown;
  }

  get isEmpty(): boolean {
    return this.viewers.size === 0;
  }

  /** A new viewer: the history, then a snapshot unless it is the very one that the viewer has already. */
  open(lastEventId: string | null): ReadableStream<Uint8Array> {
    const viewer = new Viewer(this.options.viewerQueueBytesMax, (gone) => this.forget(gone, "vanished"));
    const opening = [retryField(), this.historyChunk()];
    if (lastEventId !== this.version) opening.push(this.snapshot);
    viewer.version = this.version;
    viewer.send(Buffer.concat(opening));
    this.viewers.add(viewer);
    return viewer.stream;
  }

  /** Sends what is due: an update, a keep-alive, or nothing. */
  async tick(contest: Contest, steadyMs: number): Promise<void> {
    this.contestShown = contest;
    if (steadyMs - this.updatedAtMs >= this.options.updateMs && this.render()) {
      this.updatedAtMs = steadyMs;
      this.sentAtMs = steadyMs;
      await this.sendSnapshot();
    } else if (steadyMs - this.sentAtMs >= this.options.keepAliveMs) {
      this.sentAtMs = steadyMs;
      await this.sendKeepAlive();
    }
  }

  /** Says goodbye to everybody. */
  close(reason: GoodbyeReason): void {
    for (const viewer of this.viewers) this.drop(viewer, reason);
  }

  /** Whether there is something new to see. */
  private render(): boolean {
    const results = this.renderer.results(this.contestShown);
    const version = versionOf(results);
    if (version === this.version) return false;
    this.version = version;
    this.snapshot = resultsEvent(results, version);
    return true;
  }

  private async sendSnapshot(): Promise<void> {
    const { version, snapshot } = this;
    await this.sendToAll((viewer) => {
      // Who came while this was being sent has begun with it.
      if (viewer.version === version) return true;
      viewer.version = version;
      return viewer.send(snapshot);
    });
  }

  private sendKeepAlive(): Promise<void> {
    return this.sendToAll((viewer) => viewer.send(KEEP_ALIVE));
  }

  private async sendToAll(send: (viewer: Viewer) => boolean): Promise<void> {
    let served = 0;
    for (const viewer of this.viewers) {
      if (!send(viewer)) this.drop(viewer, "slow_viewer");
      if (++served % VIEWERS_A_TURN === 0) await turn();
    }
  }

  private drop(viewer: Viewer, reason: GoodbyeReason): void {
    this.forget(viewer, reason);
    viewer.end(goodbyeEvent(reason));
  }

  private forget(viewer: Viewer, reason: GoodbyeReason | "vanished"): void {
    if (this.viewers.delete(viewer)) this.options.onLeft(this, reason);
  }

  /** Encoded once a second at most, however many viewers come. */
  private historyChunk(): Uint8Array {
    const series = this.renderer.turnoutSeries(this.contestShown);
    if (this.history?.endsAtMs !== series.endsAtMs) {
      this.history = { endsAtMs: series.endsAtMs, chunk: historyEvent(series) };
    }
    return this.history.chunk;
  }
}
