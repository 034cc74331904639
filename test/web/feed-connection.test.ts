/** The connection to a results stream: a dead one is noticed, and opened again neither never nor in a stampede. */
import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { keepFollowing } from "../../src/web/feed-connection.ts";
import { type FeedEvent, followFeed, NEW_FEED } from "../../src/web/live-feed.ts";

const realFetch = globalThis.fetch;

/** The connections that were opened: what the server would write to. */
let opened: { write(text: string): void; close(): void; aborted: boolean }[];
/** What the next connections are answered; without one, a stream. */
let refusals: Response[];
let feed = NEW_FEED;

beforeEach(() => {
  opened = [];
  refusals = [];
  feed = NEW_FEED;
  jest.useFakeTimers();
  globalThis.fetch = ((_path: string, init: RequestInit) => {
    const stream = new TransformStream<Uint8Array, Uint8Array>();
    const writer = stream.writable.getWriter();
    const connection = {
      write: (text: string) => void writer.write(new TextEncoder().encode(text)).catch(() => {}),
      close: () => void writer.close().catch(() => {}),
      aborted: false,
    };
    init.signal?.addEventListener("abort", () => {
      connection.aborted = true;
      writer.abort(init.signal?.reason).catch(() => {});
    });
    opened.push(connection);
    return Promise.resolve(refusals.shift() ?? new Response(stream.readable));
  }) as typeof fetch;
});

afterEach(() => {
  globalThis.fetch = realFetch;
  jest.useRealTimers();
});

function start(): Promise<void> {
  return keepFollowing("/stream", (event: FeedEvent) => {
    feed = followFeed(feed, event);
    return feed;
  });
}

/** Lets everything that is due at this time happen. */
async function pass(durationMs: number): Promise<void> {
  await settle();
  jest.advanceTimersByTime(durationMs);
  await settle();
}

async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

function results(final = false): string {
  const counts = [{ option: 1, votes: 3 }];
  const figures = { contest: "u", paused: false, void: null, turnout: 3, ballots: 3, blank: 0, counts };
  const state = final ? "final" : "open";
  return `event: results\ndata: ${JSON.stringify({ ...figures, state, final, asOf: "2026-01-01T00:00:00.000Z" })}\n\n`;
}

test("pings keep a quiet connection, silence ends it, and another one is opened", async () => {
  start();
  await pass(0);
  opened[0]!.write(results());
  for (let ping = 0; ping < 10; ping++) {
    await pass(15_000);
    opened[0]!.write(": ping\n\n");
  }
  await pass(39_000);
  expect({ connection: feed.connection, opened: opened.length }).toEqual({ connection: "live", opened: 1 });
  await pass(1_001);
  expect({ connection: feed.connection, aborted: opened[0]!.aborted }).toEqual({
    connection: "lost",
    aborted: true,
  });
  await pass(1_000);
  expect(opened).toHaveLength(2);
});

test("a connection that the server ends is opened again within a second", async () => {
  start();
  await pass(0);
  opened[0]!.write(results());
  await pass(0);
  opened[0]!.close();
  await pass(0);
  expect(feed.connection).toBe("lost");
  await pass(1_000);
  opened[1]!.write(results());
  await pass(0);
  expect(feed.connection).toBe("live");
});

test("final results end it: nothing is opened again", async () => {
  const ended = start();
  await pass(0);
  opened[0]!.write(results(true));
  await ended;
  await pass(600_000);
  expect({ connection: feed.connection, opened: opened.length }).toEqual({ connection: "ended", opened: 1 });
});

test("a server that says when to come back is not asked before", async () => {
  refusals = [new Response("", { status: 503, headers: { "retry-after": "20" } })];
  start();
  await pass(19_999);
  expect(opened).toHaveLength(1);
  await pass(1_000);
  expect(opened).toHaveLength(2);
});

test("a server that has no room is asked ever less often", async () => {
  refusals = Array.from({ length: 40 }, () => new Response("", { status: 503 }));
  start();
  await pass(0);
  for (let second = 0; second < 60; second++) await pass(1_000);
  const inTheFirstMinute = opened.length;
  for (let second = 0; second < 60; second++) await pass(1_000);
  expect(inTheFirstMinute).toBeLessThanOrEqual(10);
  expect(opened.length - inTheFirstMinute).toBeLessThanOrEqual(4);
});
