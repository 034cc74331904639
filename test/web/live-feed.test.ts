/** The live feed: what a viewer is shown is what the server said last, and its age is told when it is lost. */
import { describe, expect, test } from "bun:test";
import type { ResultsAnswer } from "../../src/election/answers.ts";
import type { ServerEvent } from "../../src/web/event-stream.ts";
import { type Feed, type FeedEvent, followFeed, NEW_FEED } from "../../src/web/live-feed.ts";
import { votesPerSecond } from "../../src/web/pace.ts";

const START_MS = Date.parse("2026-05-01T20:00:00.000Z");

function results(afterMs: number, votes: number[], changes: Partial<ResultsAnswer> = {}): ResultsAnswer {
  const turnout = votes.reduce((sum, count) => sum + count, 0);
  return {
    contest: "u",
    state: "open",
    paused: false,
    void: null,
    turnout,
    asOf: new Date(START_MS + afterMs).toISOString(),
    final: false,
    ballots: turnout,
    blank: 0,
    counts: votes.map((count, i) => ({ option: i + 1, votes: count })),
    ...changes,
  };
}

const served = (event: string, data: unknown, nowMs: number): FeedEvent => ({
  event: "served",
  served: { event, data: JSON.stringify(data) } satisfies ServerEvent,
  nowMs,
});
const after = (...events: FeedEvent[]): Feed => events.reduce(followFeed, NEW_FEED);

test("the last results are shown, and the connection is live", () => {
  const feed = after(served("results", results(0, [1]), 0), served("results", results(1000, [2]), 1000));
  expect(feed).toMatchObject({ connection: "live", results: { turnout: 2 }, heardAtMs: 1000 });
});

test("delayed figures say nothing of the server's clock, and the pace goes on by it", () => {
  const current = served("results", results(500, [1]), 0);
  const delayed = served("results", results(1_000, [9], { delayed: true }), 20_000);
  const feed = after(current, { event: "second", nowMs: 1_000 }, delayed, { event: "second", nowMs: 21_000 });
  expect(feed.clockOffsetMs).toBe(START_MS + 500);
  expect(feed.pace.atMs).toEqual([START_MS + 500, START_MS + 21_500]);
});

test("a lost connection keeps the figures, and the age counts from the last byte", () => {
  const feed = after(
    served("results", results(0, [7]), 0),
    { event: "heard", nowMs: 15_000 },
    { event: "broken" },
  );
  expect(feed).toMatchObject({ connection: "lost", results: { turnout: 7 }, heardAtMs: 15_000 });
});

test("results after a lost connection make it live again", () => {
  const feed = after(
    served("results", results(0, [7]), 0),
    served("goodbye", { reason: "shutting_down" }, 1),
    { event: "broken" },
    served("results", results(9_000, [8]), 9_000),
  );
  expect(feed).toMatchObject({ connection: "live", results: { turnout: 8 } });
});

test("final results end the feed: it is not called lost when the server closes", () => {
  const final = results(0, [7], { state: "final", final: true });
  expect(after(served("results", final, 0), { event: "broken" }).connection).toBe("ended");
});

test("an event of a later contract is ignored", () => {
  expect(after(served("confetti", {}, 0))).toEqual(NEW_FEED);
});

describe("the order of the options", () => {
  test("few options stay where the ballot has them", () => {
    expect(after(served("results", results(0, [1, 5, 3]), 0)).order).toEqual([1, 2, 3]);
  });

  test("of many the leaders come first, those with equal votes in the order of the ballot", () => {
    expect(after(served("results", results(0, [1, 5, 3, 5, 0, 9]), 0)).order).toEqual([6, 2, 4, 3, 1, 5]);
  });

  test("rows do not change places with every message, but the last order is that of the result", () => {
    const first = after(served("results", results(0, [9, 0, 0, 0, 0, 1]), 0));
    const soon = followFeed(first, served("results", results(250, [9, 0, 0, 0, 0, 10]), 250));
    expect(soon.order).toEqual(first.order);
    const last = followFeed(soon, served("results", results(500, [9, 0, 0, 0, 0, 10], { final: true }), 500));
    expect(last.order[0]).toBe(6);
  });

  test("hidden choices have none", () => {
    const { ballots, blank, counts, ...hidden } = results(0, [1, 2]);
    expect(after(served("results", hidden, 0)).order).toEqual([]);
  });
});

describe("the pace", () => {
  const history = { intervalMs: 1000, endsAt: new Date(START_MS).toISOString(), turnout: [0, 10, 30] };
  const pace = (...events: FeedEvent[]) => votesPerSecond(after(...events).pace);

  test("begins with the history", () => {
    expect(pace(served("history", history, 0))).toEqual({
      atMs: [START_MS - 1000, START_MS],
      votes: [10, 20],
    });
  });

  test("goes on with the results, by the server's clock, and falls to none when none come", () => {
    // This device's clock is wrong: it counts from 0.
    const { atMs, votes } = pace(
      served("history", history, 0),
      served("results", results(1_000, [80]), 1_000),
      { event: "second", nowMs: 1_100 },
      { event: "second", nowMs: 2_000 },
    );
    expect(votes.slice(2)).toEqual([50, 0]);
    expect(atMs.slice(2)).toEqual([START_MS + 1_000, START_MS + 2_000]);
  });

  test("a failover that takes ballots back counts as none, not as negative votes", () => {
    const { votes } = pace(served("history", history, 0), served("results", results(1_000, [20]), 1_000), {
      event: "second",
      nowMs: 1_000,
    });
    expect(votes.at(-1)).toBe(0);
  });

  test("has no points while the connection is lost", () => {
    const lost = after(served("history", history, 0), served("results", results(0, [30]), 0), {
      event: "broken",
    });
    expect(followFeed(lost, { event: "second", nowMs: 5_000 })).toBe(lost);
  });

  test("is bounded, however long somebody watches", () => {
    let feed = after(served("results", results(0, [1]), 0));
    for (let second = 1; second <= 2_000; second++) {
      feed = followFeed(feed, { event: "second", nowMs: second * 1000 });
    }
    expect(feed.pace.atMs).toHaveLength(600);
    expect(feed.pace.turnout).toHaveLength(600);
  });
});
