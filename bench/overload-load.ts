/**
 * The load of bench/overload.ts, in a process of its own: as much as is answered, and more, the most of which is what can
 * be recorded; full load, a normal one, twice full load, and the normal one again. Prints a line of JSON when a stage begins and when it has ended.
 */
import { latencyFigures } from "../src/cli/load-figures.ts";
import { Administration } from "../src/client/administration.ts";
import { LatencyHistogram } from "../src/client/latency-histogram.ts";
import { LoadGenerator, Measurement } from "../src/client/load-generator.ts";
import { TokenStock } from "../src/client/token-stock.ts";
import { VOTERS_PER_CALL_MAX } from "../src/election/election.ts";
import type { Line, LoadPlan, StageName } from "./overload-stages.ts";

const WARM_UP_MS = 2_000;
/** A gateway with a small part of a processor takes so long to have its code compiled. */
const FIRST_WARM_UP_MS = 8_000;
/** Of full load. */
const NORMAL = 0.5;
const OVERLOAD = 2;
/** Of the most that was recorded yet; until not even this part of it is recorded. */
const MORE = 1.25;
const ALL = 0.95;
const WINDOW_MS = 100;
const PEAK_PER_SECOND_MAX = 40_000;

/** A window's ballots are those that fell due in it. */
class Timeline extends Measurement {
  readonly windows: { latency: LatencyHistogram; refused: number }[] = [];
  private readonly startedAtMs = performance.now();

  override time(isRecorded: boolean, latencyMs: number): void {
    super.time(isRecorded, latencyMs);
    const window = Math.max(0, Math.floor((performance.now() - latencyMs - this.startedAtMs) / WINDOW_MS));
    while (this.windows.length <= window) this.windows.push({ latency: new LatencyHistogram(), refused: 0 });
    const { latency } = this.windows[window]!;
    if (isRecorded) latency.record(latencyMs);
    else this.windows[window]!.refused++;
  }
}

const plan = JSON.parse(process.argv[2]!) as LoadPlan;
const { admin, url, contest, election, seconds, connections } = plan;
const administration = new Administration(admin);
let voters = 0;

async function mint(tokens: number): Promise<TokenStock> {
  const stock = new TokenStock();
  for (let left = tokens; left > 0; left -= VOTERS_PER_CALL_MAX) {
    const ids = Array.from({ length: Math.min(left, VOTERS_PER_CALL_MAX) }, () => `overload-${voters++}`);
    stock.add(await administration.mintVoterTokens(election, ids));
  }
  return stock;
}

const generatorOf = (ratePerSecond: number | null) =>
  new LoadGenerator({ url, contest, options: 2, connections, ratePerSecond, evidence: "receipt" });

function print(line: Line): void {
  console.log(JSON.stringify(line));
}

/** Resolves with the milliseconds from the end of the load until its last ballot was answered. */
async function stage(
  name: StageName,
  generator: LoadGenerator,
  stock: TokenStock,
  measurement: Measurement,
): Promise<number> {
  print({ begins: name });
  const startedMs = performance.now();
  await generator.run(stock, seconds * 1000, measurement);
  const drainMs = performance.now() - startedMs - measurement.clockMs;
  const answers = Object.fromEntries(measurement.answers);
  const perSecond = (count: number) => Math.round((count * 1000) / measurement.clockMs);
  const sent = Object.values(answers).reduce((sum, count) => sum + count, 0);
  print({
    stage: name,
    offeredPerSecond: perSecond(sent),
    recordedPerSecond: perSecond(measurement.durable),
    refusedPerSecond: perSecond(answers["503 not_recorded"] ?? 0),
    others: sent - (answers["201"] ?? 0) - (answers["503 not_recorded"] ?? 0),
    recordedMs: latencyFigures(measurement.latency),
    refusedMs: latencyFigures(measurement.refusalLatency),
  });
  return drainMs;
}

/** Opens the connections, each of which is used once. */
async function warmUp(generator: LoadGenerator, perSecond: number, ms = WARM_UP_MS): Promise<void> {
  const durationMs = Math.max(ms, (connections / perSecond) * 1000);
  await generator.run(await mint(perSecond * (durationMs / 1000)), durationMs, new Measurement());
}

/** From the end of the overload until a tenth of a second is as before it: nothing refused, and nine in ten in the usual time. */
function recoveryMs(drainMs: number, before: Measurement, { windows }: Timeline): number | null {
  const usualMs = before.latency.percentileMs(0.99);
  const window = windows.findIndex(
    ({ latency, refused }) => refused === 0 && latency.count > 0 && latency.percentileMs(0.9) <= usualMs,
  );
  return window === -1 ? null : Math.round(drainMs + window * WINDOW_MS);
}

const closed = generatorOf(null);
await warmUp(closed, PEAK_PER_SECOND_MAX, FIRST_WARM_UP_MS);
const peak = new Measurement();
await stage("peak", closed, await mint(PEAK_PER_SECOND_MAX * seconds), peak);
closed.close();

const perSecond = ({ durable, clockMs }: Measurement) => (durable * 1000) / clockMs;
// Connections that are refused rest at the peak, and then fewer ballots come than could be recorded.
let most = perSecond(peak);
for (let offered = 0, recorded = most; recorded > ALL * offered && offered < PEAK_PER_SECOND_MAX; ) {
  offered = Math.round(MORE * most);
  const more = generatorOf(offered);
  await warmUp(more, offered);
  const measurement = new Measurement();
  await stage("more", more, await mint(offered * (seconds + 1)), measurement);
  more.close();
  recorded = perSecond(measurement);
  most = Math.max(most, recorded);
}

const rate = (ofMost: number) => Math.round(ofMost * most);
const [normalRate, fullRate, overloadRate] = [rate(NORMAL), rate(1), rate(OVERLOAD)];
const [normal, full, overload] = [generatorOf(normalRate), generatorOf(fullRate), generatorOf(overloadRate)];
const mintFor = (perSecond: number) => mint(perSecond * (seconds + 1));
await warmUp(full, fullRate);
await stage("full", full, await mintFor(fullRate), new Measurement());
full.close();

// All at once, so that nothing is minted between the stages.
const stocks = [await mintFor(normalRate), await mintFor(overloadRate), await mintFor(normalRate)] as const;
await warmUp(overload, normalRate);
const before = new Measurement();
await warmUp(normal, normalRate);
await stage("normal", normal, stocks[0], before);
const drainMs = await stage("overload", overload, stocks[1], new Measurement());
const after = new Timeline();
await stage("after", normal, stocks[2], after);
print({ drainMs: Math.round(drainMs), recoveryMs: recoveryMs(drainMs, before, after) });
for (const generator of [normal, overload]) generator.close();
