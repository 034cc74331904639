/** A gateway at twice what it can record, and after: what is refused, how long the others wait, and what memory it takes. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { thousands } from "../src/cli/progress.ts";
import { readDevFile } from "../src/cli/target.ts";
import { Administration } from "../src/client/administration.ts";
import { Arguments } from "./arguments.ts";
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

const USAGE = `bun bench/overload.ts [--seconds 5] [--lanes 2] [--batch-ballots-max 100] [--distance-ms 25] [--connections 3000] [--gateway-cpus K] [--ballots-per-second-max N] [--json]

  --seconds                 of each stage
  --lanes, --batch-ballots-max, --ballots-per-second-max
                            the gateway's own; it takes what it can unless it is rated
  --distance-ms             to each node of the ledger, one way
  --connections             of the load
  --gateway-cpus            how much of a processor the gateway gets, a fraction too: whatever is left unless it is said`;

const asked = Arguments.read(USAGE, {
  ...{ seconds: "5", connections: "3000", "gateway-cpus": "" },
  ...{ lanes: "2", "batch-ballots-max": "100", "distance-ms": "25", "ballots-per-second-max": "" },
});

type Report = { stages: (StageFigures & { megabytes: number })[]; recovery: Recovery };

const data = mkdtempSync(join(tmpdir(), "urna-overload-"));
try {
  const report = await measure();
  console.log(asked.json ? JSON.stringify(report) : render(report));
} finally {
  rmSync(data, { recursive: true, force: true });
}

async function measure(): Promise<Report> {
  await using dev = await startPeer(["src/main.ts", "dev", "--port", "0", "--data", data], READY_TIMEOUT_MS);
  const { adminToken, databaseUrl } = readDevFile(data)!;
  await using opened = new AsyncDisposableStack();
  const distant = await distantLedger(opened, databaseUrl, asked.number("distance-ms"));
  const gatewayArgs = ["gateway", "--host", "127.0.0.1", "--port", "0", "--log-format", "text"];
  const limits = (["lanes", "batch-ballots-max", "ballots-per-second-max"] as const).flatMap((name) =>
    asked.text(name) === "" ? [] : [`--${name}`, asked.text(name)],
  );
  const ledger = ["--database-url", distant, "--secrets-file", join(data, "secrets.json")];
  const isBounded = asked.text("gateway-cpus") !== "";
  const quota = isBounded ? opened.use(processorQuota(asked.number("gateway-cpus"))) : null;
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
    seconds: asked.number("seconds"),
    connections: asked.number("connections"),
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
