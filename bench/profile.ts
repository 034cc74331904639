/** A CPU profile of a gateway or of a recorder under load: what its processor's time goes to. */
import { mkdirSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { thousands } from "../src/cli/progress.ts";
import { LoadGenerator } from "../src/client/load-generator.ts";
import { measureLoad } from "../src/client/load-measurement.ts";
import type { ContestAnswer } from "../src/election/answers.ts";
import { BufferedSite } from "./buffered-site.ts";

const USAGE = `npm run profile -- gateway|recorder [--seconds 10] [--connections 256] [--partitions 8] [--out profiles]

  gateway       while it records ballots for so many seconds
  recorder      while it drains what a gateway accepted in so many seconds
  --out FOLDER  writes ROLE.cpuprofile, which the developer tools of Chrome and speedscope show, and ROLE.md, to be read

Run it while nothing else does.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string", default: "10" },
    connections: { type: "string", default: "256" },
    partitions: { type: "string", default: "8" },
    out: { type: "string", default: "profiles" },
    help: { type: "boolean", default: false },
  },
});
const [profiled] = positionals;
if (values.help || (profiled !== "gateway" && profiled !== "recorder")) {
  console.error(USAGE);
  process.exit(values.help ? 0 : 2);
}
const POLL_MS = 50;

mkdirSync(values.out, { recursive: true });
const flags = ["--cpu-prof", "--cpu-prof-md", `--cpu-prof-dir=${values.out}`, `--cpu-prof-name=${profiled}`];
{
  // Profiles are written when the process ends.
  await using site = await BufferedSite.start((role) => (role === profiled ? flags : []));
  if (profiled === "gateway") await cast(site, await site.createContest(null));
  else await drain(site);
}
console.log(`written: ${values.out}/${profiled}.cpuprofile and ${profiled}.md`);

async function cast(site: BufferedSite, contest: ContestAnswer): Promise<number> {
  const generator = new LoadGenerator({
    ...{ url: site.gateway.url, contest: contest.id, options: 3, connections: Number(values.connections) },
    ...{ ratePerSecond: null, evidence: contest.buffered ? "accepted" : "recorded" },
  });
  const { warmUp, measured } = await measureLoad(
    generator,
    Number(values.seconds) * 1000,
    null,
    (tokens) => site.mint(contest, tokens),
    ({ durable }) => console.error(`${thousands(durable)} ballots so far`),
  );
  generator.close();
  return warmUp.durable + warmUp.durableLate + measured.durable + measured.durableLate;
}

async function drain(site: BufferedSite): Promise<void> {
  const contest = await site.createContest({ partitions: Number(values.partitions) });
  const accepted = await cast(site, contest);
  await site.startRecorder();
  while ((await site.turnout(contest)) < accepted) await pause(POLL_MS);
}
