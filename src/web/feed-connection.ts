/**
 * The connection to a results stream: opens it, watches over it, opens it again. It reads the stream by fetch
 * because EventSource hides pings and statuses: a quiet contest and a dead connection would look the same.
 */
import { readRetryAfterMs } from "./answer.ts";
import { backoffMs } from "./backoff.ts";
import { EventStreamReader } from "./event-stream.ts";
import type { Feed, FeedEvent } from "./live-feed.ts";

/** The server pings every 15 s: with not a byte in this time the connection is dead, whatever TCP believes. */
const SILENCE_MS_MAX = 40_000;
const REOPEN = { firstMs: 1_000, mostMs: 30_000 };

/**
 * Follows the stream at `path` until the feed has ended. `follow` takes an event and returns the feed after it.
 * Reopening is unlimited in number and bounded in rate: a viewer stays until the page is closed.
 */
export async function keepFollowing(path: string, follow: (event: FeedEvent) => Feed): Promise<void> {
  for (let failures = 0; ; ) {
    let gotResults = false;
    const { retryAfterMs } = await openOnce(path, (event) => {
      const feed = follow(event);
      gotResults ||= feed.connection === "live";
      return feed;
    });
    if (follow({ event: "broken" }).connection === "ended") return;
    failures = gotResults ? 1 : failures + 1;
    const waitMs = backoffMs(REOPEN, failures + 1, retryAfterMs, Math.random());
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

/** Reads one response to its end, however it ends. */
async function openOnce(path: string, follow: (event: FeedEvent) => Feed): Promise<{ retryAfterMs: number }> {
  const connection = new AbortController();
  let silence: ReturnType<typeof setTimeout> | undefined;
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(() => connection.abort(), SILENCE_MS_MAX);
  };
  heard();
  try {
    const response = await fetch(path, {
      headers: { accept: "text/event-stream" },
      cache: "no-store",
      signal: connection.signal,
    });
    const retryAfterMs = readRetryAfterMs(response.headers.get("retry-after"), Date.now());
    if (!response.ok || response.body === null) return { retryAfterMs };
    const reader = new EventStreamReader();
    const text = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await text.read();
      if (done) return { retryAfterMs: 0 };
      heard();
      follow({ event: "heard", nowMs: Date.now() });
      for (const served of reader.push(value)) {
        if (follow({ event: "served", served, nowMs: Date.now() }).connection === "ended") {
          return { retryAfterMs: 0 };
        }
      }
    }
  } catch {
    return { retryAfterMs: 0 };
  } finally {
    clearTimeout(silence);
    connection.abort();
  }
}
