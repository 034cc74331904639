/** Casting over HTTP: Urna, an empty handler and two naive servers, in turns, under the same load generator. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { type LatencyFigures, type LoadFigures, latencyFigures } from "../src/cli/load-figures.ts";
import { thousands } from "../src/cli/progress.ts";
import { readDevFile } from "../src/cli/target.ts";
import { LoadGenerator } from "../src/client/load-generator.ts";
import { measureLoad } from "../src/client/load-measurement.ts";
import { TokenStock } from "../src/client/token-stock.ts";
import { type Compared, type Contender, inTurns, type Sample, spreadWords } from "./in-turns.ts";
import { startNodePeer, startPeer } from "./peer-process.ts";
import { print, type Report } from "./report.ts";

const USAGE = `bun bench/casting.ts [--connections 64,256,1000] [--seconds 4] [--rounds 5] [--json]

  --connections  each with one ballot under way
  --seconds      of one sample
  --rounds       samples of each`;

const PEER_READY_TIMEOUT_MS = 20_000;
const URNA_READY_TIMEOUT_MS = 120_000;
/** As long as a voter token. */
const PEER_TOKEN_BYTES = 60;

const { values } = parseArgs({
  options: {
    connections: { type: "string", default: "64,256,1000" },
    seconds: { type: "string", default: "4" },
    rounds: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
const SECONDS = Number(values.seconds);
const ROUNDS = Number(values.rounds);

/** How a server is loaded; at a rate, whatever its answers do. */
type Load = { connections: number; ratePerSecond: number | null };
type Server = { name: string; measure: (load: Load) => Promise<Sample> };
type Stage = { connections: number; full: Compared[]; half: Compared[] };

const data = mkdtempSync(join(tmpdir(), "urna-bench-"));
try {
  const stages = await measureAll();
  print(stages.map(reportOf), values.json);
} finally {
  rmSync(data, { recursive: true, force: true });
}

/** The naive servers use the same PostgreSQL cluster, and whoever does not have a turn stands idle. */
async function measureAll(): Promise<Stage[]> {
  await using opened = new AsyncDisposableStack();
  const urnaArgs = ["src/main.ts", "dev", "--port", "0", "--data", data];
  const dev = opened.use(await startPeer(urnaArgs, URNA_READY_TIMEOUT_MS));
  const { databaseUrl } = readDevFile(data)!;
  const empty = opened.use(await startPeer(["bench/peers/empty-handler.ts"], PEER_READY_TIMEOUT_MS));
  const bun = opened.use(await startPeer(["bench/peers/bun-insert.ts", databaseUrl], PEER_READY_TIMEOUT_MS));
  const fastify = opened.use(
    await startNodePeer("bench/peers/fastify.ts", [databaseUrl], PEER_READY_TIMEOUT_MS),
  );
  const servers: Server[] = [
    { name: "urna", measure: (load) => measureUrna(dev.url, load) },
    { name: "empty", measure: (load) => measurePeer(empty.url, load) },
    { name: "bun", measure: (load) => measurePeer(bun.url, load) },
    { name: "fastify", measure: (load) => measurePeer(fastify.url, load) },
  ];
  const stages: Stage[] = [];
  for (const connections of values.connections.split(",").map(Number)) {
    const full = await inTurns(
      loaded(servers, connections, () => null),
      ROUNDS,
      report,
    );
    const halfOf = (name: string) =>
      Math.round(full.find((each) => each.name === name)!.figures.perSecond.median / 2);
    const half = await inTurns(loaded(servers, connections, halfOf), ROUNDS, report);
    stages.push({ connections, full, half });
  }
  return stages;
}

function loaded(
  servers: readonly Server[],
  connections: number,
  rateOf: (name: string) => number | null,
): Contender[] {
  return servers.map(({ name, measure }) => ({
    name,
    measure: () => measure({ connections, ratePerSecond: rateOf(name) }),
  }));
}

/** Through the command, so that the turnout is the judge. Not synchronously: the server's output must be read on. */
async function measureUrna(url: string, { connections, ratePerSecond }: Load): Promise<Sample> {
  const args = ["src/main.ts", "load", "--url", url, "--data", data, "--json"];
  args.push("--seconds", String(SECONDS), "--connections", String(connections));
  if (ratePerSecond !== null) args.push("--rate", String(ratePerSecond));
  const load = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
  const [output, [status]] = await Promise.all([text(load.stdout), once(load, "exit")]);
  if (status !== 0) throw new Error(`urna load failed: ${output}`);
  const { votesPerSecond, latencyMs } = JSON.parse(output) as LoadFigures;
  return sampleOf(votesPerSecond, latencyMs);
}

async function measurePeer(url: string, { connections, ratePerSecond }: Load): Promise<Sample> {
  const generator = new LoadGenerator({
    ...{ url, contest: `bench-${randomBytes(4).toString("hex")}`, options: 5 },
    ...{ connections, ratePerSecond, evidence: "status" },
  });
  const mint = async (tokens: number) => drawTokens(tokens);
  const { measured } = await measureLoad(generator, SECONDS * 1000, ratePerSecond, mint, () => undefined);
  generator.close();
  return sampleOf((measured.durable / measured.clockMs) * 1000, latencyFigures(measured.latency));
}

function sampleOf(perSecond: number, { p50, p99, p999 }: LatencyFigures): Sample {
  return { perSecond, p50, p99, p999 };
}

function drawTokens(tokens: number): TokenStock {
  const stock = new TokenStock();
  stock.add(Array.from({ length: tokens }, () => randomBytes(PEER_TOKEN_BYTES).toString("base64url")));
  return stock;
}

function report(name: string, { perSecond, p99 }: Sample): void {
  console.error(`${name.padEnd(8)} ${thousands(Math.round(perSecond)).padStart(8)}/s, p99 ${p99} ms`);
}

function reportOf({ connections, full, half }: Stage): Report {
  const urna = full[0]!;
  const rows = full.map(({ name, figures }, i) => {
    const atHalf = half[i]!.figures;
    const ofIt = name === "urna" ? "" : `${spreadWords(urna.of[name]!, 2)}×`;
    const milliseconds = [figures.p50!, figures.p99!, figures.p999!, atHalf.p50!, atHalf.p99!, atHalf.p999!];
    return [
      ...[name, spreadWords(figures.perSecond), ofIt],
      ...milliseconds.map(({ median }) => median.toFixed(1)),
    ];
  });
  return {
    title: `Casting over HTTP, ${thousands(connections)} connections`,
    how: `Each with one ballot under way, ${ROUNDS} rounds of ${SECONDS} s; then each server at half of what it did.`,
    columns: [
      ...["server", "ballots/s", "Urna is … of it", "full load: p50 ms", "p99", "p99.9"],
      ...["half load: p50 ms", "p99", "p99.9"],
    ],
    rows,
    chart: {
      ...{ unit: "ballots a second", digits: 0, goal: null },
      bars: full.map(({ name, figures }) => ({ name, value: figures.perSecond })),
    },
  };
}
