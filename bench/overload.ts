/** A gateway at twice what it can record, and after: what is refused, how long the others wait, and what memory it takes. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { thousands } from "../src/cli/progress.ts";
import { readDevFile } from "../src/cli/target.ts";
import { Administration } from "../src/client/administration.ts";
import { distantLink } from "./distant-link.ts";
import type { Line, LoadPlan, Recovery, StageFigures, StageName } from "./overload-stages.ts";
import { startPeer } from "./peer-process.ts";
import { processorQuota } from "./processor-quota.ts";

const READY_TIMEOUT_MS = 120_000;
const SAMPLE_MS = 100;

const COLUMNS = [
  "stage",
  "offered/s",
  "recorded/s",
  "refused/s",
  "other",
  "recorded p50",
  "p99 ms",
  "refused p50",
  "p99 ms",
  "MB",
];

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "5" },
    lanes: { type: "string", default: "2" },
    "batch-ballots-max": { type: "string", default: "100" },
    "distance-ms": { type: "string", default: "25" },
    connections: { type: "string", default: "3000" },
    /** How much of a processor the gateway gets, a fraction too; by default whatever is left. */
    "gateway-cpus": { type: "string" },
    /** What the gateway is rated for; by default it takes what it can. */
    "ballots-per-second-max": { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const { lanes, "batch-ballots-max": batchBallotsMax } = values;

type Report = { stages: (StageFigures & { megabytes: number })[]; recovery: Recovery };

const data = mkdtempSync(join(tmpdir(), "urna-overload-"));
try {
  const report = await measure();
  console.log(values.json ? JSON.stringify(report) : render(report));
} finally {
  rmSync(data, { recursive: true, force: true });
}

async function measure(): Promise<Report> {
  await using dev = await startPeer(["src/main.ts", "dev", "--port", "0", "--data", data], READY_TIMEOUT_MS);
  const { adminToken, databaseUrl } = readDevFile(data)!;
  await using opened = new AsyncDisposableStack();
  const distant = await distantLedger(opened, databaseUrl, Number(values["distance-ms"]));
  const gatewayArgs = ["gateway", "--host", "127.0.0.1", "--port", "0", "--log-format", "text"];
  const rated = values["ballots-per-second-max"];
  const limits = ["--lanes", lanes, "--batch-ballots-max", batchBallotsMax];
  if (rated !== undefined) limits.push("--ballots-per-second-max", rated);
  const ledger = ["--database-url", distant, "--secrets-file", join(data, "secrets.json")];
  const processors = values["gateway-cpus"];
  const quota = processors === undefined ? null : opened.use(processorQuota(Number(processors)));
  await using gateway = await startPeer(
    ["src/main.ts", ...gatewayArgs, ...limits, ...ledger],
    READY_TIMEOUT_MS,
  );
  quota?.add(gateway.pid);
  const admin = { url: dev.url, adminToken };
  const urna = new Administration(admin);
  await urna.createElection({ id: "overload", title: "Overload" });
  await urna.createContest("overload", {
    ...{ id: "overload", title: "Overload", method: "single-choice" },
    ...{ options: ["A", "B"], allowBlank: false },
  });
  await urna.open("overload");
  return await load(gateway.pid, {
    ...{ admin, url: gateway.url, election: "overload", contest: "overload" },
    seconds: Number(values.seconds),
    connections: Number(values.connections),
  });
}

/** The same ledger, each node of it further away. */
async function distantLedger(opened: AsyncDisposableStack, url: string, delayMs: number): Promise<string> {
  if (delayMs === 0) return url;
  let distant = url;
  for (const [, port] of url.matchAll(/:(\d+)(?=[,/])/g)) {
    const link = opened.use(await distantLink(Number(port), delayMs));
    distant = distant.replace(`:${port}`, `:${link.port}`);
  }
  return distant;
}

/** Runs the stages in a process of their own, and looks at the gateway's memory meanwhile. */
async function load(gatewayPid: number, plan: LoadPlan): Promise<Report> {
  const args = ["bench/overload-load.ts", JSON.stringify(plan)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const most: Partial<Record<StageName, number>> = {};
  let current: StageName | undefined;
  const sampling = setInterval(() => {
    if (current !== undefined) most[current] = Math.max(most[current] ?? 0, residentMegabytes(gatewayPid));
  }, SAMPLE_MS);
  const report: Report = { stages: [], recovery: { drainMs: 0, recoveryMs: null } };
  for await (const text of createInterface({ input: child.stdout })) {
    const line = JSON.parse(text) as Line;
    if ("begins" in line) current = line.begins;
    else if ("stage" in line) report.stages.push({ ...line, megabytes: most[line.stage] ?? 0 });
    else report.recovery = line;
  }
  clearInterval(sampling);
  const [status] = await exited;
  if (status !== 0) throw new Error("the load failed");
  return report;
}

function residentMegabytes(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))!;
  return Math.round(Number(kilobytes) / 1024);
}

function render({ stages, recovery }: Report): string {
  const rows = stages.map((figures) => [
    figures.stage,
    ...[figures.offeredPerSecond, figures.recordedPerSecond, figures.refusedPerSecond, figures.others].map(
      thousands,
    ),
    ...[figures.recordedMs.p50, figures.recordedMs.p99].map(String),
    ...(figures.refusedPerSecond === 0
      ? ["", ""]
      : [figures.refusedMs.p50, figures.refusedMs.p99].map(String)),
    String(figures.megabytes),
  ]);
  const of = (name: StageName) => stages.findLast(({ stage }) => stage === name)!;
  const recovered = recovery.recoveryMs === null ? "never" : `${recovery.recoveryMs} ms`;
  return [
    ...[COLUMNS, ...rows].map((row) => `| ${row.join(" | ")} |`),
    ...(["full", "peak", "more"] as const).map((name) => comparison(of("overload"), of(name))),
    `after its end: last answer ${recovery.drainMs} ms, as before ${recovered}`,
  ].join("\n");
}

type Stage = Report["stages"][number];

function comparison(overload: Stage, other: Stage): string {
  const ratio = (of: (figures: Stage) => number) => `${(of(overload) / of(other)).toFixed(2)}×`;
  return (
    `overload against ${other.stage}: recorded ${ratio((figures) => figures.recordedPerSecond)}, ` +
    `p50 ${ratio(({ recordedMs }) => recordedMs.p50)}, p99 ${ratio(({ recordedMs }) => recordedMs.p99)}, ` +
    `memory ${ratio(({ megabytes }) => megabytes)}`
  );
}
