/**
 * How soon viewers see a ballot: from the answer to its voter until the event that has it reaches them, while others
 * vote. One results process, with viewers over raw sockets.
 */
import { setTimeout as pause } from "node:timers/promises";
import { thousands } from "../src/cli/progress.ts";
import { LatencyHistogram } from "../src/client/latency-histogram.ts";
import { LoadGenerator, Measurement } from "../src/client/load-generator.ts";
import { TokenStock } from "../src/client/token-stock.ts";
import { Arguments } from "./arguments.ts";
import { DevServer } from "./dev-server.ts";
import { type Spread, spreadOf } from "./in-turns.ts";
import { startPeer } from "./peer-process.ts";
import { memoryBytes, processorSeconds } from "./processor-time.ts";
import { print, type Report } from "./report.ts";

const USAGE = `bun bench/results.ts [--viewers 1000,10000] [--rate 1000] [--seconds 10] [--rounds 3] [--json]

  --viewers  of one contest, at one results process; at most 18,000
  --rate     ballots a second that others cast meanwhile
  --seconds  of one round
  --rounds   of each`;

const asked = Arguments.read(USAGE, { viewers: "1000,10000", rate: "1000", seconds: "10", rounds: "3" });
const VIEWERS_MAX = 18_000;
const READY_TIMEOUT_MS = 60_000;
const CONNECT_AT_ONCE = 100;
/** Not in step with polls and updates. */
const PROBE_PAUSE_MS_MAX = 150;
/** What is seen of the last probes is waited for. */
const LAST_MS = 1_500;
/** Others vote for those before it. */
const PROBED_OPTION = 5;
const GOAL_MS = 500;
const CONNECTIONS = 32;

/** When the probed option's ballots were answered, the first one first. */
const answeredAtMs: number[] = [];

/** Sees the probed option's votes in what arrives, and how long ago they were answered. */
class Viewer {
  private seen: number;
  private rest = "";

  constructor(private readonly lags: () => LatencyHistogram | null) {
    this.seen = answeredAtMs.length;
  }

  take(bytes: Buffer): void {
    const text = this.rest + bytes.toString("latin1");
    const end = text.lastIndexOf("\n\n");
    this.rest = text.slice(end + 1);
    const marker = `"option":${PROBED_OPTION},"votes":`;
    const at = text.lastIndexOf(marker, end);
    if (end < 0 || at < 0) return;
    const votes = Number.parseInt(text.slice(at + marker.length, at + marker.length + 10), 10);
    const lags = this.lags();
    const nowMs = performance.now();
    // An event may be there before the voter has read the answer.
    for (; this.seen < Math.min(votes, answeredAtMs.length); this.seen++)
      lags?.record(Math.max(0, nowMs - answeredAtMs[this.seen]!));
  }
}

class Audience implements AsyncDisposable {
  lags: LatencyHistogram | null = null;
  private readonly sockets: { end: () => void }[] = [];
  open = 0;

  async connect(url: string, contest: string, viewers: number): Promise<void> {
    const { hostname, port } = new URL(url);
    const request = `GET /v1/contests/${contest}/results/stream HTTP/1.1\r\nhost: bench\r\n\r\n`;
    for (let viewer = 0; viewer < viewers; viewer += CONNECT_AT_ONCE) {
      const connecting = Array.from({ length: Math.min(CONNECT_AT_ONCE, viewers - viewer) }, () => {
        const seeing = new Viewer(() => this.lags);
        return Bun.connect({
          ...{ hostname, port: Number(port) },
          socket: {
            open: (socket) => {
              this.open++;
              socket.write(request);
            },
            data: (_, bytes) => seeing.take(bytes),
            close: () => void this.open--,
          },
        });
      });
      this.sockets.push(...(await Promise.all(connecting)));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.end();
  }
}

type Figures = { viewers: number; p50: Spread; p99: Spread; micros: Spread; core: Spread; megabytes: number };

await using server = await DevServer.start();
const measured: Figures[] = [];
for (const viewers of asked.numbers("viewers")) {
  measured.push(await measure(Math.min(viewers, VIEWERS_MAX)));
}
print([reportOf(measured)], asked.json);

async function measure(viewers: number): Promise<Figures> {
  answeredAtMs.length = 0;
  const contest = await server.contest(PROBED_OPTION);
  const where = ["--host", "127.0.0.1", "--port", "0", "--database-url", server.databaseUrl];
  await using results = await startPeer(["src/main.ts", "results", ...where], READY_TIMEOUT_MS);
  await using audience = new Audience();
  await audience.connect(results.url, contest.id, viewers);
  const others = new LoadGenerator({
    ...{ url: server.url, contest: contest.id, options: PROBED_OPTION - 1, connections: CONNECTIONS },
    ...{ ratePerSecond: asked.number("rate"), evidence: "recorded" },
  });
  const rounds: { p50: number; p99: number; micros: number; core: number }[] = [];
  for (let round = 0; round < asked.number("rounds"); round++) {
    const lags = new LatencyHistogram();
    audience.lags = lags;
    const before = { seconds: processorSeconds(results.pid), atMs: performance.now() };
    await Promise.all([vote(others, contest), probe(contest)]);
    const seconds = (performance.now() - before.atMs) / 1000;
    const core = (processorSeconds(results.pid) - before.seconds) / seconds;
    await pause(LAST_MS);
    audience.lags = null;
    if (audience.open < viewers) throw new Error(`${viewers - audience.open} of ${viewers} viewers are gone`);
    const expected = viewers * answeredAtMs.length;
    console.error(
      `${thousands(viewers)} viewers, round ${round + 1}: ${thousands(lags.count)} views of ${answeredAtMs.length} ballots so far`,
    );
    if (lags.count > expected) throw new Error("viewers saw ballots that nobody cast");
    rounds.push({
      ...{ p50: lags.percentileMs(0.5), p99: lags.percentileMs(0.99) },
      ...{ core, micros: (core / viewers) * 1e6 },
    });
  }
  others.close();
  const of = (name: "p50" | "p99" | "micros" | "core") => spreadOf(rounds.map((round) => round[name]));
  const megabytes = memoryBytes(results.pid) / 2 ** 20;
  return { viewers, p50: of("p50"), p99: of("p99"), micros: of("micros"), core: of("core"), megabytes };
}

type Contest = Awaited<ReturnType<DevServer["contest"]>>;

async function vote(others: LoadGenerator, contest: Contest): Promise<void> {
  const milliseconds = asked.number("seconds") * 1000;
  const stock = new TokenStock();
  stock.add(await server.mint(contest, Math.ceil(asked.number("rate") * asked.number("seconds") * 1.1)));
  const seen = new Measurement();
  await others.run(stock, milliseconds, seen);
  if (seen.durable === 0) throw new Error("nobody else's ballot was recorded");
}

/** A voter at a time. */
async function probe(contest: Contest): Promise<void> {
  const tokens = await server.mint(
    contest,
    Math.ceil((asked.number("seconds") * 1000 * 4) / PROBE_PAUSE_MS_MAX),
  );
  const endAtMs = performance.now() + asked.number("seconds") * 1000;
  for (const token of tokens) {
    if (performance.now() > endAtMs) return;
    const answer = await fetch(`${server.url}/v1/contests/${contest.id}/ballots`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ selections: [PROBED_OPTION] }),
    });
    const nowMs = performance.now();
    if (answer.status !== 201) throw new Error(await answer.text());
    answeredAtMs.push(nowMs);
    await answer.arrayBuffer();
    await pause(Math.random() * PROBE_PAUSE_MS_MAX);
  }
}

function reportOf(all: readonly Figures[]): Report {
  const words = ({ median, least, most }: Spread, digits: number) =>
    `${median.toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`;
  const rows = all.map(({ viewers, p50, p99, core, micros, megabytes }) => [
    ...[thousands(viewers), words(p50, 0), words(p99, 0), words(core, 2), words(micros, 0)],
    megabytes.toFixed(0),
  ]);
  return {
    title: "From the voter's answer to the viewer's event",
    how:
      `One results process, ${asked.number("rounds")} rounds of ${asked.number("seconds")} s, while others cast ` +
      `${thousands(asked.number("rate"))} ballots a second; every viewer's wait for every ballot of a prober counts.`,
    columns: ["viewers", "p50 ms", "p99 ms", "of a core", "µs a viewer a second", "MB"],
    rows,
    chart: {
      ...{ unit: "milliseconds, p99", digits: 0, goal: GOAL_MS },
      bars: all.map(({ viewers, p99 }) => ({ name: `${thousands(viewers)} viewers`, value: p99 })),
    },
  };
}
