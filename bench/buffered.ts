/** The buffered path, measured beside the direct one and an empty handler: accepted, recorded, drained, and what each costs. */
import { cpus } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type LatencyFigures, latencyFigures } from "../src/cli/load-figures.ts";
import { thousands } from "../src/cli/progress.ts";
import { LoadGenerator } from "../src/client/load-generator.ts";
import { type LoadMeasurement, measureLoad } from "../src/client/load-measurement.ts";
import type { ContestAnswer } from "../src/election/answers.ts";
import type { Figures } from "../src/planning/figures.ts";
import { MEASURED } from "../src/planning/measured.ts";
import { BufferedSite, type ProcessName, type ProcessorSeconds } from "./buffered-site.ts";
import { measureEmptyHandler } from "./empty-load.ts";
import { exchangeBytes } from "./exchange-bytes.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "10" },
    connections: { type: "string", default: "512" },
    partitions: { type: "string", default: "8" },
    json: { type: "boolean", default: false },
  },
});
const DRAIN_POLL_MS = 50;
/** A turnout that has not grown for so long never will. */
const STANDSTILL_MS_MAX = 60_000;

type Micros = Record<ProcessName, number>;
type Stage = {
  name: string;
  /** Of what this stage is about: answered, recorded or drained. */
  perSecond: number;
  latencyMs: LatencyFigures | null;
  /** Processor time a ballot. */
  micros: Micros | null;
  remarks: string;
};
type Cast = Stage & { ballots: number };

await using site = await BufferedSite.start();
const stages: Stage[] = [await emptyStage()];
const direct = await castStage("direct", await site.createContest(null));
stages.push(direct);

const partitions = Number(values.partitions);
const backlog = await site.createContest({ partitions });
const token = (await site.mint(backlog, 1)).take()!;
const bytes = await exchangeBytes(site.gateway.url, backlog.id, Buffer.from(token).toString("latin1"));
const logBytesBefore = site.logBytes();
const accepted = await castStage("accepted, no recorder", backlog);
const recordBytes = (site.logBytes() - logBytesBefore) / accepted.ballots;
stages.push(accepted);
const drained = await drainStage(`drained, ${partitions} partitions`, backlog, accepted.ballots + 1);
stages.push(drained);

const single = await site.createContest({ partitions: 1 });
const singleAccepted = await castStage("accepted, 1 partition", single);
stages.push(singleAccepted);
const singleDrained = await drainStage("drained, 1 partition", single, singleAccepted.ballots);
stages.push(singleDrained);

await site.startRecorder();
const burst = await site.createContest({ partitions });
const together = await castStage("accepted and recorded", burst);
stages.push(together, await lagStage(burst, together));

const report = table(stages);
if (values.json) {
  console.error(report);
  console.log(JSON.stringify(figuresOf(), null, 2));
} else console.log(report);

async function emptyStage(): Promise<Stage> {
  const options = { connections: Number(values.connections), seconds: Number(values.seconds) };
  const { perSecond, latencyMs } = await measureEmptyHandler(options);
  return { name: "empty handler", perSecond, latencyMs, micros: null, remarks: "" };
}

/** Casts for as long as it was told to. Every ballot counted has a place of its own, in the ledger or in the log. */
async function castStage(name: string, contest: ContestAnswer): Promise<Cast> {
  const generator = new LoadGenerator({
    ...{ url: site.gateway.url, contest: contest.id, options: 3, connections: Number(values.connections) },
    ...{ ratePerSecond: null, evidence: contest.buffered ? "accepted" : "recorded" },
  });
  const before = site.processorSeconds();
  const load = await measureLoad(
    generator,
    Number(values.seconds) * 1000,
    null,
    (tokens) => site.mint(contest, tokens),
    ({ durable }) => console.error(`${name}: ${thousands(durable)} so far`),
  );
  generator.close();
  const { measured } = load;
  const ballots = ballotsIn(load);
  return {
    name,
    ballots,
    perSecond: Math.round((measured.durable / measured.clockMs) * 1000),
    latencyMs: latencyFigures(measured.latency),
    micros: microsSince(before, ballots),
    remarks: remarksOn(load),
  };
}

function ballotsIn({ warmUp, measured }: LoadMeasurement): number {
  return warmUp.durable + warmUp.durableLate + measured.durable + measured.durableLate;
}

function remarksOn({ measured }: LoadMeasurement): string {
  const others = [...measured.answers].filter(([answer]) => answer !== "201" && answer !== "202");
  return others.map(([answer, count]) => `${answer}: ${thousands(count)}`).join(", ");
}

function microsSince(before: ProcessorSeconds, ballots: number): Micros {
  const now = site.processorSeconds();
  const each = (name: ProcessName) => Number((((now[name] - before[name]) / ballots) * 1e6).toFixed(1));
  return Object.fromEntries((Object.keys(now) as ProcessName[]).map((name) => [name, each(name)])) as Micros;
}

/** A recorder is started for what is there, and stopped when all of it is recorded: it does nothing else meanwhile. */
async function drainStage(name: string, contest: ContestAnswer, ballots: number): Promise<Stage> {
  const before = site.processorSeconds();
  await site.startRecorder();
  const { perSecond } = await untilRecorded(contest, ballots);
  const micros = microsSince(before, ballots);
  await site.stopRecorder();
  return { name, perSecond, latencyMs: null, micros, remarks: `${thousands(ballots)} ballots` };
}

async function lagStage(contest: ContestAnswer, { ballots }: Cast): Promise<Stage> {
  const lag = ballots - (await site.turnout(contest));
  const { perSecond, seconds } = await untilRecorded(contest, ballots);
  const remarks = `${thousands(lag)} behind when the last was answered; drained after ${seconds.toFixed(1)} s`;
  return { name: "recorded in the end", perSecond, latencyMs: null, micros: null, remarks };
}

/** The rate is from the first look that saw any of them recorded to the one that saw all. */
async function untilRecorded(contest: ContestAnswer, ballots: number) {
  const startedAtMs = performance.now();
  let first: { turnout: number; atMs: number } | null = null;
  let grown = { turnout: 0, atMs: startedAtMs };
  for (;;) {
    const now = { turnout: await site.turnout(contest), atMs: performance.now() };
    if (now.turnout > 0) first ??= now;
    if (now.turnout > grown.turnout) grown = now;
    if (now.turnout > ballots)
      throw new Error(`${now.turnout} ballots are recorded, ${ballots} were accepted`);
    if (now.turnout === ballots) break;
    if (now.atMs - grown.atMs > STANDSTILL_MS_MAX)
      throw new Error(`${now.turnout} of ${ballots} are recorded`);
    await pause(DRAIN_POLL_MS);
  }
  const seconds = (grown.atMs - startedAtMs) / 1000;
  const ms = grown.atMs - first!.atMs;
  const perSecond =
    ms > 0 ? Math.round(((ballots - first!.turnout) / ms) * 1000) : Math.round(ballots / seconds);
  return { perSecond, seconds };
}

/** What urna plan reads. Redis is no part of this: its figures are those that Urna comes with. */
function figuresOf(): Figures {
  const [core] = cpus();
  const { requestBytes, answerBytes } = bytes;
  return {
    machine: `${cpus().length} × ${core!.model.trim()}, shared by clients, roles, brokers, primary and standby`,
    measuredOn: new Date().toISOString().slice(0, 10),
    measuredBy: `bench/buffered.ts --seconds ${values.seconds} --connections ${values.connections}; ballotBytes and walBytes by bench/ledger-bytes.ts on ${MEASURED.measuredOn}`,
    gatewayMicros: { direct: direct.micros!.gateway, accepted: accepted.micros!.gateway },
    recorderMicros: drained.micros!.recorder,
    brokerMicros: Number((accepted.micros!.brokers + drained.micros!.brokers).toFixed(1)),
    primaryMicros: { direct: direct.micros!.primary, drained: drained.micros!.primary },
    standbyMicros: drained.micros!.standby,
    directPerSecond: direct.perSecond,
    ledgerPerSecond: drained.perSecond,
    partitionPerSecond: singleDrained.perSecond,
    ...{ ballotBytes: MEASURED.ballotBytes, walBytes: MEASURED.walBytes },
    ...{ recordBytes: Number(recordBytes.toFixed(1)), requestBytes, answerBytes },
    ...{ redisBytes: MEASURED.redisBytes, callerBytes: MEASURED.callerBytes },
  };
}

function table(rows: readonly Stage[]): string {
  const empty = rows[0]!.perSecond;
  const cells = rows.map(({ name, perSecond, latencyMs, micros, remarks }) => [
    ...[
      name,
      thousands(perSecond),
      (perSecond / empty).toFixed(2),
      latencyMs === null ? "" : String(latencyMs.p99),
    ],
    ...(["gateway", "recorder", "brokers", "primary", "standby"] as const).map((of) =>
      String(micros?.[of] ?? ""),
    ),
    remarks,
  ]);
  const heads = [
    "",
    "a second",
    "of empty",
    "p99 ms",
    "gateway µs",
    "recorder µs",
    "brokers µs",
    "primary µs",
    "standby µs",
    "",
  ];
  return [heads, heads.map(() => "---"), ...cells].map((row) => `| ${row.join(" | ")} |`).join("\n");
}
