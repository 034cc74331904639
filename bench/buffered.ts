/** The buffered path, measured beside the direct one and an empty handler: accepted, recorded, drained, and what each costs. */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { type LatencyFigures, latencyFigures } from "../src/cli/load-figures.ts";
import { thousands } from "../src/cli/progress.ts";
import { LoadGenerator } from "../src/client/load-generator.ts";
import { type LoadMeasurement, measureLoad } from "../src/client/load-measurement.ts";
import type { ContestAnswer } from "../src/election/answers.ts";
import type { Figures } from "../src/planning/figures.ts";
import { MEASURED } from "../src/planning/measured.ts";
import { Arguments } from "./arguments.ts";
import { BufferedSite, type ProcessName, type ProcessorSeconds } from "./buffered-site.ts";
import { measureEmptyHandler } from "./empty-load.ts";
import { exchangeBytes } from "./exchange-bytes.ts";
import { spreadOf, spreadWords } from "./in-turns.ts";
import { type Chart, print, type Report } from "./report.ts";

const USAGE = `bun bench/buffered.ts [--seconds 8] [--connections 512] [--partitions 8] [--rounds 3] [--figures FILE] [--json]

  --seconds       of one stage
  --connections   each with one ballot under way
  --partitions    of the topic, besides one that has a single one
  --rounds        of all stages
  --figures FILE  writes what urna plan reads there, of the last round`;

const asked = Arguments.read(USAGE, {
  ...{ seconds: "8", connections: "512", partitions: "8", rounds: "3", figures: "" },
});
const DRAIN_POLL_MS = 50;
const PROCESSES = ["gateway", "recorder", "brokers", "primary", "standby"] as const;
const DRAINED = `drained, ${asked.number("partitions")} partitions`;
const DRAINED_SINGLE = "drained, 1 partition";
const NOTHING_ELSE = { micros: null, backlog: null, otherAnswers: 0 };
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
  /** How many ballots were to be recorded when recording, or this stage's casting, was all that was left; and for how long. */
  backlog: { ballots: number; seconds: number } | null;
  /** Answers that were none of these ballots. */
  otherAnswers: number;
};
type Cast = Stage & { ballots: number };

type Round = {
  stages: Stage[];
  bytes: Awaited<ReturnType<typeof exchangeBytes>> & { record: number };
};

await using site = await BufferedSite.start();
const partitions = asked.number("partitions");
const rounds: Round[] = [];
for (let i = 0; i < asked.number("rounds"); i++) rounds.push(await measureRound());
if (asked.text("figures") !== "")
  writeFileSync(
    asked.text("figures"),
    `${JSON.stringify(figuresOf(rounds.at(-1)!), null, 2)}
`,
  );
print([reportOf(rounds)], asked.json);

async function measureRound(): Promise<Round> {
  const empty = await emptyStage();
  const recordedDirectly = await site.createContest(null);
  const direct = await castStage("direct", recordedDirectly);
  await untilRecorded(recordedDirectly, direct.ballots);
  const backlog = await site.createContest({ partitions });
  const token = (await site.mint(backlog, 1)).take()!;
  const bytes = await exchangeBytes(site.gateway.url, backlog.id, Buffer.from(token).toString("latin1"));
  const logBytesBefore = site.logBytes();
  const accepted = await castStage("accepted, no recorder", backlog);
  const record = (site.logBytes() - logBytesBefore) / accepted.ballots;
  const drained = await drainStage(DRAINED, backlog, accepted.ballots + 1);
  const single = await site.createContest({ partitions: 1 });
  const singleAccepted = await castStage("accepted, 1 partition", single);
  const singleDrained = await drainStage(DRAINED_SINGLE, single, singleAccepted.ballots);
  await site.startRecorder();
  const burst = await site.createContest({ partitions });
  const together = await castStage("accepted and recorded", burst);
  together.backlog = await lagOf(burst, together);
  await site.stopRecorder();
  return {
    stages: [empty, direct, accepted, drained, singleAccepted, singleDrained, together],
    bytes: { ...bytes, record },
  };
}

async function emptyStage(): Promise<Stage> {
  const options = { connections: asked.number("connections"), seconds: asked.number("seconds") };
  const { perSecond, latencyMs } = await measureEmptyHandler(options);
  return { ...{ name: "empty handler", perSecond, latencyMs }, ...NOTHING_ELSE };
}

/** Casts for as long as it was told to. Every ballot counted has a place of its own, in the ledger or in the log. */
async function castStage(name: string, contest: ContestAnswer): Promise<Cast> {
  const generator = new LoadGenerator({
    ...{ url: site.gateway.url, contest: contest.id, options: 3, connections: asked.number("connections") },
    ...{ ratePerSecond: null, evidence: contest.buffered ? "accepted" : "recorded" },
  });
  const before = site.processorSeconds();
  const load = await measureLoad(
    generator,
    asked.number("seconds") * 1000,
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
    backlog: null,
    otherAnswers: otherAnswersIn(load),
  };
}

function ballotsIn({ warmUp, measured }: LoadMeasurement): number {
  return warmUp.durable + warmUp.durableLate + measured.durable + measured.durableLate;
}

function otherAnswersIn({ measured }: LoadMeasurement): number {
  const others = [...measured.answers].filter(([answer]) => answer !== "201" && answer !== "202");
  return others.reduce((sum, [, count]) => sum + count, 0);
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
  const { perSecond, seconds } = await untilRecorded(contest, ballots);
  const micros = microsSince(before, ballots);
  await site.stopRecorder();
  return { name, perSecond, latencyMs: null, micros, backlog: { ballots, seconds }, otherAnswers: 0 };
}

/** How far recording is behind when the last ballot is answered, and for how long. */
async function lagOf(contest: ContestAnswer, { ballots }: Cast): Promise<Stage["backlog"]> {
  const behind = ballots - (await site.turnout(contest));
  const { seconds } = await untilRecorded(contest, ballots);
  return { ballots: behind, seconds };
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
function figuresOf({ stages, bytes }: Round): Figures {
  const [core] = cpus();
  const [, direct, accepted, drained, , singleDrained] = stages as [Stage, Stage, Stage, Stage, Stage, Stage];
  const { requestBytes, answerBytes } = bytes;
  return {
    machine: `${cpus().length} × ${core!.model.trim()}, shared by clients, roles, brokers, primary and standby`,
    measuredOn: new Date().toISOString().slice(0, 10),
    measuredBy: `bench/buffered.ts --seconds ${asked.number("seconds")} --connections ${asked.number("connections")}; ballotBytes and walBytes by bench/ledger-bytes.ts on ${MEASURED.measuredOn}`,
    gatewayMicros: { direct: direct.micros!.gateway, accepted: accepted.micros!.gateway },
    recorderMicros: drained.micros!.recorder,
    brokerMicros: Number((accepted.micros!.brokers + drained.micros!.brokers).toFixed(1)),
    primaryMicros: { direct: direct.micros!.primary, drained: drained.micros!.primary },
    standbyMicros: drained.micros!.standby,
    directPerSecond: direct.perSecond,
    ledgerPerSecond: drained.perSecond,
    partitionPerSecond: singleDrained.perSecond,
    ...{ ballotBytes: MEASURED.ballotBytes, walBytes: MEASURED.walBytes },
    ...{ recordBytes: Number(bytes.record.toFixed(1)), requestBytes, answerBytes },
    ...{ redisBytes: MEASURED.redisBytes, callerBytes: MEASURED.callerBytes },
  };
}

function reportOf(all: readonly Round[]): Report {
  const names = all[0]!.stages.map(({ name }) => name);
  const empties = all.map(({ stages }) => stages[0]!.perSecond);
  const rates: Chart["bars"] = names.map((name, i) => ({
    name,
    value: spreadOf(all.map(({ stages }) => stages[i]!.perSecond)),
  }));
  const rows = names.map((name, i) => {
    const samples = all.map(({ stages }) => stages[i]!);
    const median = (of: (stage: Stage) => number | undefined, digits: number) => {
      const values = samples.map(of).filter((value) => value !== undefined);
      return values.length === 0 ? "" : spreadOf(values).median.toFixed(digits);
    };
    return [
      ...[name, spreadWords(rates[i]!.value)],
      spreadWords(spreadOf(samples.map(({ perSecond }, round) => perSecond / empties[round]!)), 2),
      median(({ latencyMs }) => latencyMs?.p99, 0),
      ...PROCESSES.map((of) => median(({ micros }) => micros?.[of], 1)),
      ...[
        median(({ backlog }) => backlog?.ballots, 0),
        median(({ backlog }) => backlog?.seconds, 1),
        median(({ otherAnswers }) => otherAnswers, 0),
      ],
    ];
  });
  return {
    title: "The buffered path, stage by stage",
    how:
      `${asked.number("rounds")} rounds of ${asked.number("seconds")} s a stage on ${asked.number("connections")} connections, ` +
      `${partitions} partitions unless one is said. A stage that drains begins with the ballots that the one before it left in ` +
      "the log, while no recorder ran: as sudden a burst as can be. µs are processor time a ballot.",
    columns: [
      ...["stage", "a second", "of the empty handler", "p99 ms", ...PROCESSES.map((name) => `${name} µs`)],
      ...["ballots behind", "s until none is", "other answers"],
    ],
    rows,
    chart: { unit: "ballots a second", digits: 0, goal: null, bars: rates },
  };
}
