/**
 * Viewers of live results: `bun bench/viewers.ts [viewers] [seconds]`, 10,000 and 10 unless said otherwise.
 *
 * A server process with the feed, whose contest gets a vote every 20 ms, and in this process as many viewers over
 * raw sockets. Prints messages a second, how long a snapshot takes from being rendered to arriving, what it costs,
 * and how long a request for something else waits meanwhile. Everything is on this machine: compare ratios.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Contest } from "../src/election/contest.ts";
import { serve } from "../src/http/server.ts";
import { Feed } from "../src/results/feed.ts";
import { Figures } from "../src/results/figures.ts";
import { resultsRoutes } from "../src/results/routes.ts";
import { RunningTally } from "../src/results/running-tally.ts";
import { systemClock } from "../src/runtime/clock.ts";

const VIEWERS_MAX = 18_000;
const SECONDS_MAX = 120;
/** With 24 options a snapshot has about 800 bytes. */
const OPTIONS = 24;
const CONNECT_AT_ONCE = 100;

type Usage = { viewers: number; cpuMs: number; memoryMb: number; dropped: number };

function contest(): Contest {
  const uuid = "11111111-1111-4111-8111-111111111111";
  return {
    ...{ ledgerId: 1, id: "bench", uuid, electionUuid: uuid, electionId: "bench", title: "Bench" },
    ...{
      method: "single-choice",
      allowBlank: true,
      resultsVisible: "live",
      allowedOrigins: [],
      buffering: null,
    },
    options: Array.from({ length: OPTIONS }, (_, i) => ({ number: i + 1, title: `Option ${i + 1}` })),
    ...{ opensAtMs: 0, closesAtMs: null, closeIsKnown: true, paused: false, voided: null },
    ...{ sealedAtMs: null, finalAtMs: null, finalTally: null },
  };
}

/** The server's process. Tells its port, and its usage whenever it is asked. */
function runServer(): void {
  const tally = new RunningTally();
  // As of whenever it is rendered, so that a viewer can tell how long it took to arrive.
  const figures = {
    tally,
    get asOfMs() {
      return Date.now();
    },
  };
  const shown = contest();
  const feed = new Feed(
    new Figures(new Map([[0, figures]])),
    { get: () => shown, fresh: async () => shown },
    {
      viewersMax: 20_000,
      updateMs: 500,
      keepAliveMs: 15_000,
      viewerQueueBytesMax: 16_384,
      clock: systemClock,
    },
  );
  const server = serve({
    hostname: "127.0.0.1",
    port: 0,
    routes: resultsRoutes(
      feed,
      async () => shown,
      async () => shown.allowedOrigins,
    ),
    bodyBytesMax: 1_024,
    onUnexpected: console.error,
  });
  setInterval(() => {
    const option = 1 + Math.floor(Math.random() * OPTIONS);
    tally.add(new Map([[shown.uuid, new Map([[option, 1_234]])]]), Date.now(), Date.now());
  }, 20);
  void feed.run(new AbortController().signal);
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    process.send!({
      viewers: feed.viewers,
      cpuMs: (user + system) / 1_000,
      memoryMb: process.memoryUsage.rss() / 2 ** 20,
      dropped: feed.dropped.slow_viewer,
    } satisfies Usage);
  });
  process.on("disconnect", () => process.exit(0));
  process.send!(server.url);
}

async function usageOf(server: ChildProcess): Promise<Usage> {
  server.send("usage");
  const [usage] = await once(server, "message");
  return usage as Usage;
}

/** Counts snapshots, and how old each was when it came, while it is told to. */
class Audience {
  open = 0;
  isMeasuring = false;
  readonly lagsMs: number[] = [];

  async connect(url: string, viewers: number): Promise<void> {
    const { hostname, port } = new URL(url);
    const request = "GET /v1/contests/bench/results/stream HTTP/1.1\r\nhost: bench\r\n\r\n";
    for (let viewer = 0; viewer < viewers; viewer += CONNECT_AT_ONCE) {
      const connections = Array.from({ length: Math.min(CONNECT_AT_ONCE, viewers - viewer) }, () =>
        Bun.connect({
          hostname,
          port: Number(port),
          socket: {
            open: (socket) => {
              this.open++;
              socket.write(request);
            },
            data: (_, bytes) => this.take(bytes),
            close: () => void this.open--,
          },
        }),
      );
      await Promise.all(connections);
    }
  }

  private take(bytes: Buffer): void {
    if (!this.isMeasuring) return;
    const at = bytes.indexOf('"asOf":"');
    if (at < 0) return;
    this.lagsMs.push(Date.now() - Date.parse(bytes.toString("latin1", at + 8, at + 32)));
  }
}

/** How long a request for the results once takes, every 20 ms. */
async function probe(url: string, signal: AbortSignal): Promise<number[]> {
  const durationsMs: number[] = [];
  while (!signal.aborted) {
    const startedMs = performance.now();
    await (await fetch(`${url}/v1/contests/bench/results`)).arrayBuffer();
    durationsMs.push(performance.now() - startedMs);
    await pause(20);
  }
  return durationsMs;
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
}

async function run(viewers: number, seconds: number): Promise<void> {
  const server = fork(fileURLToPath(import.meta.url), ["--serve"]);
  try {
    const [url] = (await once(server, "message")) as [string];
    const idle = await usageOf(server);
    const audience = new Audience();
    await audience.connect(url, viewers);
    await pause(2_000);
    const before = await usageOf(server);
    const startedMs = performance.now();
    audience.isMeasuring = true;
    const probing = probe(url, AbortSignal.timeout(seconds * 1_000));
    await pause(seconds * 1_000);
    audience.isMeasuring = false;
    const durationMs = performance.now() - startedMs;
    const after = await usageOf(server);
    const probes = await probing;
    const { lagsMs } = audience;
    const core = ((after.cpuMs - before.cpuMs) / durationMs).toFixed(2);
    console.log(`${after.viewers} viewers, ${after.dropped} dropped`);
    console.log(`${Math.round((lagsMs.length * 1_000) / durationMs)} messages a second`);
    console.log(
      `delivery lag: median ${percentile(lagsMs, 0.5)} ms, p99 ${percentile(lagsMs, 0.99)} ms, maximum ${percentile(lagsMs, 1)} ms`,
    );
    console.log(
      `another request meanwhile: median ${percentile(probes, 0.5)} ms, p99 ${percentile(probes, 0.99)} ms`,
    );
    console.log(
      `server: ${core} of a core, ${Math.round(after.memoryMb)} MB (${Math.round(idle.memoryMb)} MB without viewers)`,
    );
  } finally {
    server.disconnect();
  }
}

if (process.argv[2] === "--serve") runServer();
else {
  const viewers = Math.min(Number(process.argv[2] ?? 10_000), VIEWERS_MAX);
  await run(viewers, Math.min(Number(process.argv[3] ?? 10), SECONDS_MAX));
  process.exit(0);
}
