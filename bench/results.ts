/**
 * How soon viewers see a ballot: from the answer to its voter until the event that has it reaches them, while others
 * vote. One results process, with viewers over raw sockets.
 */
import { setTimeout as pause } from "node:timers/promises";
import { thousands } from "../src/cli/progress.ts";
import { Administration } from "../src/client/administration.ts";
import { LatencyHistogram } from "../src/client/latency-histogram.ts";
import { LoadGenerator, Measurement } from "../src/client/load-generator.ts";
import { Patience } from "../src/client/patience.ts";
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
/** More than are cast. */
const PROBES = Math.ceil((asked.number("seconds") * 1000 * 4) / PROBE_PAUSE_MS_MAX);
/** Of the rate at which others are to cast. */
const RATE_REACHED = 0.95;

/** Waits of this round's viewers, from the answer until the event; events that come before it count as none. */
class Views {
  readonly waits = new LatencyHistogram();
  /** When the probed option's ballots were answered, the first one first; kept over rounds. */
  constructor(private readonly answeredAtMs: number[]) {}

  answered(viewers: readonly Viewer[]): void {
    this.answeredAtMs.push(performance.now());
    for (const viewer of viewers) if (viewer.votes >= this.answeredAtMs.length) this.waits.record(0);
  }

  seen(fromVotes: number, toVotes: number): void {
    const nowMs = performance.now();
    const answered = Math.min(toVotes, this.answeredAtMs.length);
    for (let vote = fromVotes; vote < answered; vote++) this.waits.record(nowMs - this.answeredAtMs[vote]!);
  }
}

/** Sees the probed option's votes in what arrives. */
class Viewer {
  votes = 0;
  private rest = "";

  constructor(private readonly views: () => Views | null) {}

  take(bytes: Buffer): void {
    const text = this.rest + bytes.toString("latin1");
    const end = text.lastIndexOf("\n\n");
    this.rest = text.slice(end + 1);
    const marker = `"option":${PROBED_OPTION},"votes":`;
    const at = text.lastIndexOf(marker, end);
    if (end < 0 || at < 0) return;
    const votes = Number.parseInt(text.slice(at + marker.length, at + marker.length + 10), 10);
    this.views()?.seen(this.votes, votes);
    this.votes = Math.max(this.votes, votes);
  }
}

class Audience implements AsyncDisposable {
  views: Views | null = null;
  readonly viewers: Viewer[] = [];
  private readonly sockets: { end: () => void }[] = [];
  open = 0;

  async connect(url: string, contest: string, viewers: number): Promise<void> {
    const { hostname, port } = new URL(url);
    const request = `GET /v1/contests/${contest}/results/stream HTTP/1.1\r\nhost: bench\r\n\r\n`;
    for (let viewer = 0; viewer < viewers; viewer += CONNECT_AT_ONCE) {
      const connecting = Array.from({ length: Math.min(CONNECT_AT_ONCE, viewers - viewer) }, () => {
        const seeing = new Viewer(() => this.views);
        this.viewers.push(seeing);
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
  const contest = await server.contest(PROBED_OPTION);
  const where = ["--host", "127.0.0.1", "--port", "0", "--database-url", server.databaseUrl];
  const flags = [...where, "--log-format", "text"];
  await using results = await startPeer(["src/main.ts", "results", ...flags], READY_TIMEOUT_MS);
  // Until what is recorded has been counted once, there is nothing to show.
  const reading = new Administration({ url: results.url, adminToken: null }, new Patience(READY_TIMEOUT_MS));
  await reading.results(contest.id);
  await using audience = new Audience();
  await audience.connect(results.url, contest.id, viewers);
  const answeredAtMs: number[] = [];
  const rounds: { p50: number; p99: number; micros: number; core: number }[] = [];
  for (let round = 0; round < asked.number("rounds"); round++) {
    const [stock, tokens] = [await stockOf(contest), await server.mint(contest, PROBES)];
    const before = { seconds: processorSeconds(results.pid), atMs: performance.now() };
    const views = new Views(answeredAtMs);
    audience.views = views;
    const [probes] = await Promise.all([
      probe(contest, tokens, () => views.answered(audience.viewers)),
      vote(contest, stock),
    ]);
    const seconds = (performance.now() - before.atMs) / 1000;
    const core = (processorSeconds(results.pid) - before.seconds) / seconds;
    await pause(LAST_MS);
    audience.views = null;
    const { waits } = views;
    if (audience.open !== viewers || waits.count !== viewers * probes)
      throw new Error(
        `${audience.open} of ${viewers} viewers saw ${waits.count} of ${viewers * probes} ballots`,
      );
    console.error(`${thousands(viewers)} viewers, round ${round + 1}: ${thousands(waits.count)} views`);
    rounds.push({
      ...{ p50: waits.percentileMs(0.5), p99: waits.percentileMs(0.99) },
      ...{ core, micros: (core / viewers) * 1e6 },
    });
  }
  const of = (name: "p50" | "p99" | "micros" | "core") => spreadOf(rounds.map((round) => round[name]));
  const megabytes = memoryBytes(results.pid) / 2 ** 20;
  return { viewers, p50: of("p50"), p99: of("p99"), micros: of("micros"), core: of("core"), megabytes };
}

type Contest = Awaited<ReturnType<DevServer["contest"]>>;

async function stockOf(contest: Contest): Promise<TokenStock> {
  const stock = new TokenStock();
  stock.add(await server.mint(contest, Math.ceil(asked.number("rate") * asked.number("seconds") * 1.1)));
  return stock;
}

/** The others. Throws where they were not as many as was said. */
async function vote(contest: Contest, stock: TokenStock): Promise<void> {
  const others = new LoadGenerator({
    ...{ url: server.url, contest: contest.id, options: PROBED_OPTION - 1, connections: CONNECTIONS },
    ...{ ratePerSecond: asked.number("rate"), evidence: "recorded" },
  });
  const seen = new Measurement();
  await others.run(stock, asked.number("seconds") * 1000, seen);
  const { clockMs, durable } = seen;
  others.close();
  const perSecond = (durable * 1000) / clockMs;
  if (perSecond < RATE_REACHED * asked.number("rate"))
    throw new Error(`others cast ${perSecond.toFixed(0)} ballots a second only`);
}

/** A voter at a time. How many were answered. */
async function probe(contest: Contest, tokens: readonly string[], onAnswer: () => void): Promise<number> {
  const endAtMs = performance.now() + asked.number("seconds") * 1000;
  let probes = 0;
  for (const token of tokens) {
    if (performance.now() > endAtMs) break;
    const answer = await fetch(`${server.url}/v1/contests/${contest.id}/ballots`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ selections: [PROBED_OPTION] }),
    });
    if (answer.status !== 201) throw new Error(await answer.text());
    onAnswer();
    probes++;
    await answer.arrayBuffer();
    await pause(Math.random() * PROBE_PAUSE_MS_MAX);
  }
  return probes;
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
