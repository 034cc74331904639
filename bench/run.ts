/** Urna beside an empty handler and the naive server, one after the other, under the same load generator. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { type LatencyFigures, latencyFigures } from "../src/cli/load-figures.ts";
import { thousands } from "../src/cli/progress.ts";
import { readDevFile } from "../src/cli/target.ts";
import { LoadGenerator } from "../src/client/load-generator.ts";
import { measureLoad } from "../src/client/load-measurement.ts";
import { TokenStock } from "../src/client/token-stock.ts";
import { startPeer } from "./peer-process.ts";

const PEER_READY_TIMEOUT_MS = 20_000;
const URNA_READY_TIMEOUT_MS = 120_000;
/** As long as a voter token. */
const PEER_TOKEN_BYTES = 60;

type Figures = { server: string; votesPerSecond: number; latencyMs: LatencyFigures };

const { seconds, connections, json } = parseArgs({
  options: {
    seconds: { type: "string", default: "10" },
    connections: { type: "string", default: "256" },
    json: { type: "boolean", default: false },
  },
}).values;

const data = mkdtempSync(join(tmpdir(), "urna-bench-"));
try {
  const figures = await measureAll();
  console.log(json ? JSON.stringify(withRatios(figures)) : table(figures));
} finally {
  rmSync(data, { recursive: true, force: true });
}

/** The naive server uses the same PostgreSQL cluster, while Urna stands idle beside it. */
async function measureAll(): Promise<Figures[]> {
  const urnaArgs = ["src/main.ts", "dev", "--port", "0", "--data", data];
  await using dev = await startPeer(urnaArgs, URNA_READY_TIMEOUT_MS);
  const announced = readDevFile(data);
  if (announced === null) throw new Error(`urna dev left no dev.json in ${data}`);
  const urna = await measureUrna(dev.url);
  const naive = await measurePeer("naive", ["bench/naive.ts", announced.databaseUrl]);
  const empty = await measurePeer("empty", ["bench/empty-handler.ts"]);
  return [urna, naive, empty];
}

/** Through the command, so that the turnout is the judge. Not synchronously: the server's output must be read on. */
async function measureUrna(url: string): Promise<Figures> {
  const where = ["--url", url, "--data", data];
  const args = [
    "src/main.ts",
    "load",
    ...where,
    "--seconds",
    seconds,
    "--connections",
    connections,
    "--json",
  ];
  const load = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [output, [status]] = await Promise.all([text(load.stdout), once(load, "exit")]);
  if (status !== 0) throw new Error("urna load failed");
  const { votesPerSecond, latencyMs } = JSON.parse(output) as Omit<Figures, "server">;
  return { server: "urna", votesPerSecond, latencyMs };
}

async function measurePeer(server: string, args: string[]): Promise<Figures> {
  await using peer = await startPeer(args, PEER_READY_TIMEOUT_MS);
  const generator = new LoadGenerator({
    url: peer.url,
    contest: "bench",
    options: 5,
    connections: Number(connections),
    ratePerSecond: null,
    evidence: "status",
  });
  const { measured } = await measureLoad(
    generator,
    Number(seconds) * 1000,
    null,
    async (tokens) => drawTokens(tokens),
    ({ durable }) => console.error(`${server}: ${thousands(durable)} votes so far`),
  );
  generator.close();
  const votesPerSecond = Math.round((measured.durable / measured.clockMs) * 1000);
  return { server, votesPerSecond, latencyMs: latencyFigures(measured.latency) };
}

function drawTokens(tokens: number): TokenStock {
  const stock = new TokenStock();
  stock.add(Array.from({ length: tokens }, () => randomBytes(PEER_TOKEN_BYTES).toString("base64url")));
  return stock;
}

/** Urna's share of each peer's votes a second. */
function withRatios(figures: Figures[]) {
  const urna = figures[0]!.votesPerSecond;
  return figures.map((peer) => ({ ...peer, urnaRatio: Number((urna / peer.votesPerSecond).toFixed(2)) }));
}

function table(figures: Figures[]): string {
  const rows = withRatios(figures).map(({ server, votesPerSecond, latencyMs, urnaRatio }) =>
    [
      server.padEnd(8),
      thousands(votesPerSecond).padStart(9),
      String(latencyMs.p99).padStart(9),
      `${urnaRatio}×`.padStart(13),
    ].join(" "),
  );
  return [`${"server".padEnd(8)}   votes/s    p99 ms  urna is … of it`, ...rows].join("\n");
}
