/** Casting over HTTP: Urna, an empty handler and two naive servers, in turns, under the same load generator. */
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { durableIn, latencyFigures } from "../src/cli/load-figures.ts";
import { thousands } from "../src/cli/progress.ts";
import { LoadGenerator, type LoadPlan } from "../src/client/load-generator.ts";
import { measureLoad } from "../src/client/load-measurement.ts";
import { TokenStock } from "../src/client/token-stock.ts";
import { Arguments } from "./arguments.ts";
import { DevServer } from "./dev-server.ts";
import { type Compared, type Contender, inTurns, type Sample, spreadWords } from "./in-turns.ts";
import { type PeerProcess, startNodePeer, startPeer } from "./peer-process.ts";
import { memoryBytes, processorSeconds } from "./processor-time.ts";
import { print, type Report } from "./report.ts";
import { hasWrk, runWrk } from "./wrk.ts";

const USAGE = `bun bench/casting.ts [--connections 64,256,1000] [--seconds 4] [--rounds 3] [--json]

  --connections  each with one ballot under way
  --seconds      of one sample
  --rounds       samples of each`;

const asked = Arguments.read(USAGE, { connections: "64,256,1000", seconds: "4", rounds: "3" });
const SECONDS = asked.number("seconds");
const ROUNDS = asked.number("rounds");
const PEER_READY_TIMEOUT_MS = 20_000;
/** As long as a voter token. */
const PEER_TOKEN_BYTES = 57;
const OPTIONS = 5;
const TURNOUT_TIMEOUT_MS = 10_000;
const TURNOUT_POLL_MS = 50;

/** How a server is loaded; at a rate, whatever its answers do. */
type Load = { connections: number; ratePerSecond: number | null };
type Server = { name: string; measure: (load: Load) => Promise<Sample> };
type Stage = { connections: number; full: Compared[]; half: Compared[]; generators: Compared[] | null };
/** What is loaded, and what its processes have taken so far. */
type Loaded = {
  plan: Pick<LoadPlan, "url" | "contest" | "evidence">;
  mint: (tokens: number) => Promise<string[]>;
  seconds: () => { server: number; postgres: number };
  megabytes: () => number;
};

const stages = await measureAll();
print([...stages.map(reportOf), ...generatorReports(stages)], asked.json);

/** The naive servers use the same PostgreSQL cluster, and whoever does not have a turn stands idle. */
async function measureAll(): Promise<Stage[]> {
  await using opened = new AsyncDisposableStack();
  const dev = opened.use(await DevServer.start());
  const peer = async (starting: Promise<PeerProcess>) => opened.use(await starting);
  const empty = await peer(startPeer(["bench/peers/empty-handler.ts"], PEER_READY_TIMEOUT_MS));
  const bunArgs = ["bench/peers/bun-insert.ts", dev.databaseUrl];
  const bun = await peer(startPeer(bunArgs, PEER_READY_TIMEOUT_MS));
  const fastify = await peer(
    startNodePeer("bench/peers/fastify.ts", [dev.databaseUrl], PEER_READY_TIMEOUT_MS),
  );
  const servers: Server[] = [
    { name: "urna", measure: (load) => measureUrna(dev, load) },
    ...Object.entries({ empty, bun, fastify }).map(([name, process]) => ({
      name,
      measure: async (load: Load) => (await measureLoaded(loadedPeer(process, dev), load)).sample,
    })),
  ];
  const stages: Stage[] = [];
  for (const connections of asked.numbers("connections")) {
    const full = await inTurns(
      loaded(servers, connections, () => null),
      ROUNDS,
      report,
    );
    const halfOf = (name: string) =>
      Math.round(full.find((each) => each.name === name)!.figures.perSecond.median / 2);
    const half = await inTurns(loaded(servers, connections, halfOf), ROUNDS, report);
    stages.push({ connections, full, half, generators: await compareGenerators(empty, dev, connections) });
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

/** The turnout is the judge. */
async function measureUrna(dev: DevServer, load: Load): Promise<Sample> {
  const contest = await dev.contest(OPTIONS);
  const seconds = () => {
    const { gateway, postgres } = dev.processorSeconds();
    return { server: gateway, postgres };
  };
  const plan = { url: dev.url, contest: contest.id, evidence: "recorded" as const };
  const mint = (tokens: number) => dev.mint(contest, tokens);
  const { sample, durable } = await measureLoaded(
    { plan, mint, seconds, megabytes: () => dev.memoryMegabytes() },
    load,
  );
  const giveUpAtMs = performance.now() + TURNOUT_TIMEOUT_MS;
  for (;;) {
    const { turnout } = await dev.administration.results(contest.id);
    if (turnout === durable) return sample;
    if (turnout > durable || performance.now() > giveUpAtMs)
      throw new Error(`${durable} ballots are said to be recorded, and ${turnout} are counted`);
    await pause(TURNOUT_POLL_MS);
  }
}

function loadedPeer({ url, pid }: PeerProcess, dev: DevServer): Loaded {
  const contest = `bench-${randomBytes(4).toString("hex")}`;
  return {
    plan: { url, contest, evidence: "status" },
    mint: async (tokens) => drawTokens(tokens),
    seconds: () => ({ server: processorSeconds(pid), postgres: dev.processorSeconds().postgres }),
    megabytes: () => memoryBytes(pid) / 2 ** 20,
  };
}

/** Processor time is that of the ballots that are measured: what minting takes is none of it, nor the warm-up. */
async function measureLoaded(
  { plan, mint, seconds, megabytes }: Loaded,
  { connections, ratePerSecond }: Load,
): Promise<{ sample: Sample; durable: number }> {
  const generator = new LoadGenerator({ ...plan, options: OPTIONS, connections, ratePerSecond });
  const taken = { server: 0, postgres: 0 };
  let before = seconds();
  let minted = 0;
  const stop = () => {
    const now = seconds();
    taken.server += now.server - before.server;
    taken.postgres += now.postgres - before.postgres;
  };
  const stocked = async (tokens: number) => {
    stop();
    // The first tokens are the warm-up's.
    if (minted++ === 1) Object.assign(taken, { server: 0, postgres: 0 });
    const stock = new TokenStock();
    stock.add(await mint(tokens));
    before = seconds();
    return stock;
  };
  const load = await measureLoad(generator, SECONDS * 1000, ratePerSecond, stocked, () => undefined);
  stop();
  generator.close();
  const durable = durableIn(load);
  const { measured } = load;
  const { p50, p99, p999 } = latencyFigures(measured.latency);
  const micros = (of: number) => (of / (measured.durable + measured.durableLate)) * 1e6;
  return {
    durable,
    sample: {
      perSecond: (measured.durable / measured.clockMs) * 1000,
      ...{ p50, p99, p999, refused: 1 - measured.durable / measured.answered },
      ...{
        serverMicros: micros(taken.server),
        postgresMicros: micros(taken.postgres),
        megabytes: megabytes(),
      },
    },
  };
}

function drawTokens(tokens: number): string[] {
  return Array.from({ length: tokens }, () => randomBytes(PEER_TOKEN_BYTES).toString("base64url"));
}

async function compareGenerators(
  empty: PeerProcess,
  dev: DevServer,
  connections: number,
): Promise<Compared[] | null> {
  if (!hasWrk()) return null;
  const [token] = drawTokens(1);
  const ours = async () =>
    (await measureLoaded(loadedPeer(empty, dev), { connections, ratePerSecond: null })).sample;
  const theirs = async () => ({
    perSecond: await runWrk(empty.url, { connections, seconds: SECONDS, token: token! }),
  });
  const contenders: Contender[] = [
    { name: "urna load", measure: async () => ({ perSecond: (await ours()).perSecond }) },
    { name: "wrk", measure: theirs },
  ];
  return inTurns(contenders, ROUNDS, (name, { perSecond }) =>
    console.error(`${name.padEnd(9)} ${thousands(Math.round(perSecond)).padStart(8)}/s`),
  );
}

function report(name: string, { perSecond, p99, serverMicros, postgresMicros }: Sample): void {
  const rate = `${thousands(Math.round(perSecond)).padStart(8)}/s, p99 ${p99!.toFixed(1)} ms`;
  console.error(
    `${name.padEnd(8)} ${rate}; ${serverMicros!.toFixed(1)} + ${postgresMicros!.toFixed(1)} µs a ballot`,
  );
}

function reportOf({ connections, full, half }: Stage): Report {
  const urna = full[0]!;
  const rows = full.map(({ name, figures }, i) => {
    const atHalf = half[i]!.figures;
    const ofIt = name === "urna" ? "" : `${spreadWords(urna.of[name]!, 2)}×`;
    const times = [figures.p50!, figures.p99!, figures.p999!, atHalf.p50!, atHalf.p99!, atHalf.p999!];
    const costs = [figures.serverMicros!, figures.postgresMicros!];
    return [
      ...[name, spreadWords(figures.perSecond), ofIt],
      ...[...times, ...costs].map(({ median }) => median.toFixed(1)),
      `${figures.megabytes!.least.toFixed(0)}–${figures.megabytes!.most.toFixed(0)}`,
      `${(figures.refused!.median * 100).toFixed(2)} %`,
    ];
  });
  return {
    title: `Casting over HTTP, ${thousands(connections)} connections`,
    how:
      `Each with one ballot under way, ${ROUNDS} rounds of ${SECONDS} s; then each server at half of what it did. ` +
      "µs are processor time a ballot: the server's, and PostgreSQL's on both nodes.",
    columns: [
      ...["server", "ballots/s", "Urna is … of it", "full load: p50 ms", "p99", "p99.9"],
      ...["half load: p50 ms", "p99", "p99.9", "server µs", "PostgreSQL µs", "server MB", "refused"],
    ],
    rows,
    chart: {
      ...{ unit: "ballots a second", digits: 0, goal: null },
      bars: full.map(({ name, figures }) => ({ name, value: figures.perSecond })),
    },
  };
}

function generatorReports(all: readonly Stage[]): Report[] {
  const compared = all.filter(({ generators }) => generators !== null);
  if (compared.length === 0) {
    console.error("wrk is not installed: the load generator is compared with nothing");
    return [];
  }
  const cells = ({ connections, generators }: Stage) => [
    thousands(connections),
    ...generators!.map(({ figures }) => spreadWords(figures.perSecond)),
    `${spreadWords(generators![0]!.of.wrk!, 2)}×`,
  ];
  return [
    {
      title: "The load generator beside wrk",
      how: "Requests a second that the empty handler answers to either, each on one thread: wrk sends the same ballot again and again.",
      columns: ["connections", "urna load", "wrk", "urna load is … of wrk"],
      rows: compared.map(cells),
      chart: {
        ...{ unit: "requests a second, of wrk's", digits: 2, goal: null },
        bars: compared.map(({ connections, generators }) => ({
          name: `${thousands(connections)} connections`,
          value: generators![0]!.of.wrk!,
        })),
      },
    },
  ];
}
