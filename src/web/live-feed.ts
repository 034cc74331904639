/** The live feed: what a viewer's page knows of a contest's results, and how sure it may be that it is current. */

import type { ResultsAnswer } from "../election/answers.ts";
import type { ServerEvent } from "./event-stream.ts";
import { NO_PACE, type Pace, paceOfHistory, paceWith } from "./pace.ts";
import type { WireHistory } from "./wire.ts";

export type Feed = {
  /** `ended`: the results are final, nothing more will come. */
  connection: "connecting" | "live" | "lost" | "ended";
  results: ResultsAnswer | null;
  /** When the server was last heard, by this device's clock: until then the figures were current. */
  heardAtMs: number | null;
  /** How far the server's clock is ahead of this device's. */
  clockOffsetMs: number;
  pace: Pace;
  /** Option numbers as they are shown; empty until there are counts. */
  order: number[];
  orderedAtMs: number;
};

export type FeedEvent =
  /** Any byte from the server, a ping too. */
  | { event: "heard"; nowMs: number }
  | { event: "served"; served: ServerEvent; nowMs: number }
  | { event: "broken" }
  | { event: "second"; nowMs: number };

export const NEW_FEED: Feed = {
  connection: "connecting",
  results: null,
  heardAtMs: null,
  clockOffsetMs: 0,
  pace: NO_PACE,
  order: [],
  orderedAtMs: 0,
};

/** With more options than this the leaders come first; fewer stay where the ballot has them. */
const UNSORTED_OPTIONS_MAX = 5;
/** Rows that change places more often than this cannot be read. */
const REORDER_APART_MS_MIN = 1_500;

export function followFeed(feed: Feed, event: FeedEvent): Feed {
  switch (event.event) {
    case "heard":
      return { ...feed, heardAtMs: event.nowMs };
    case "served":
      return served(feed, event.served, event.nowMs);
    case "broken":
      return feed.connection === "ended" ? feed : { ...feed, connection: "lost" };
    case "second":
      return sampled(feed, event.nowMs);
  }
}

function served(feed: Feed, { event, data }: ServerEvent, nowMs: number): Feed {
  switch (event) {
    case "history":
      return { ...feed, pace: paceOfHistory(JSON.parse(data) as WireHistory) };
    case "results":
      return withResults(feed, JSON.parse(data) as ResultsAnswer, nowMs);
    default:
      // A goodbye too: its reason concerns the server alone, the end of the connection says the rest.
      return feed;
  }
}

function withResults(feed: Feed, results: ResultsAnswer, nowMs: number): Feed {
  const sort = feed.order.length === 0 || results.final || nowMs - feed.orderedAtMs >= REORDER_APART_MS_MIN;
  return {
    ...feed,
    connection: results.final ? "ended" : "live",
    results,
    heardAtMs: nowMs,
    // Delayed figures are of an instant long ago, which says nothing of the server's clock.
    clockOffsetMs: results.delayed ? feed.clockOffsetMs : Date.parse(results.asOf) - nowMs,
    order: sort ? orderOf(results) : feed.order,
    orderedAtMs: sort ? nowMs : feed.orderedAtMs,
  };
}

function orderOf({ counts = [] }: ResultsAnswer): number[] {
  const shown = [...counts];
  if (counts.length > UNSORTED_OPTIONS_MAX) shown.sort((a, b) => b.votes - a.votes || a.option - b.option);
  return shown.map(({ option }) => option);
}

/**
 * One more point of the pace, each second. The results' own time is exact while they change; when they do not,
 * none came and the turnout is still the same now. While the connection is lost nobody knows: no point.
 */
function sampled(feed: Feed, nowMs: number): Feed {
  const { results, pace } = feed;
  if (feed.connection !== "live" || results === null) return feed;
  const asOfMs = Date.parse(results.asOf);
  const isNew = !results.delayed && asOfMs > (pace.atMs.at(-1) ?? -Infinity);
  const atMs = isNew ? asOfMs : nowMs + feed.clockOffsetMs;
  return { ...feed, pace: paceWith(pace, atMs, results.turnout) };
}
