/**
 * How soon people see a ballot where results processes share their work.
 *
 * A cluster of three nodes, a Redis, two gateways and two results processes, of which one counts and the other one shows
 * what it is told. A voter at a time casts; from each acknowledgement it is measured how long both take until a viewer of
 * theirs has it. Everything is on this machine: compare the two.
 */
import { setTimeout as pause } from "node:timers/promises";
import { startCluster } from "../test/faults/cluster/cluster.ts";
import type { Role } from "../test/faults/cluster/role.ts";
import { openContest, type TestContest } from "../test/faults/contest.ts";
import { eventually } from "../test/support/eventually.ts";
import { Arguments } from "./arguments.ts";

const USAGE = `bun bench/shared-results.ts [--seconds 20] [--json]

  --seconds  how long ballots are cast`;

const asked = Arguments.read(USAGE, { seconds: "20" });
/** Not in step with polls and updates. */
const PAUSE_MS_MAX = 150;

/** When its viewers had so many ballots, by how many. */
class Viewer {
  readonly seenAtMs = new Map<number, number>();
  private most = 0;

  async watch({ url }: Role, contest: TestContest, signal: AbortSignal): Promise<void> {
    const response = await fetch(`${url}/v1/contests/${contest.id}/results/stream`, { signal });
    let rest = "";
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        const [, turnout] = /^data: .*"turnout":(\d+)/.exec(line) ?? [];
        if (turnout !== undefined) this.see(Number(turnout));
      }
    }
  }

  private see(turnout: number): void {
    for (let ballot = this.most + 1; ballot <= turnout; ballot++)
      this.seenAtMs.set(ballot, performance.now());
    this.most = Math.max(this.most, turnout);
  }
}

async function isOn({ url }: Role, metric: string): Promise<boolean> {
  return (await (await fetch(`${url}/metrics`)).text()).includes(`\n${metric}{ledger="home"} 1\n`);
}

async function cast(gateway: Role, contest: TestContest, ballot: number): Promise<void> {
  const answer = await fetch(`${gateway.url}/v1/contests/${contest.id}/ballots`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${contest.mint(`voter ${ballot}`)}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ selections: [1] }),
  });
  if (answer.status !== 201) throw new Error(await answer.text());
}

type Lags = { who: string; medianMs: number; p99Ms: number; maximumMs: number };

function lagsOf(who: string, lagsMs: number[]): Lags {
  const sorted = lagsMs.toSorted((one, other) => one - other);
  const at = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!);
  return { who, medianMs: at(0.5), p99Ms: at(0.99), maximumMs: at(1) };
}

async function measure(seconds: number): Promise<{ ballots: number; lags: Lags[] }> {
  await using cluster = await startCluster({ redis: true });
  const contest = await openContest(cluster, "shared");
  const roles = [cluster.role("results"), cluster.role("results2")];
  await eventually("one leads, and the other follows", async () => {
    const leads = await Promise.all(roles.map((role) => isOn(role, "urna_tally_leads")));
    const follows = await Promise.all(roles.map((role) => isOn(role, "urna_tally_follows")));
    return leads.includes(true) && follows.includes(true);
  });
  const end = new AbortController();
  const viewers = roles.map((role) => ({ role, viewer: new Viewer() }));
  const watching = viewers.map(({ role, viewer }) =>
    viewer.watch(role, contest, end.signal).catch(() => undefined),
  );
  const castAtMs: number[] = [];
  const endMs = performance.now() + seconds * 1_000;
  while (performance.now() < endMs) {
    await cast(cluster.gateways[castAtMs.length % 2]!, contest, castAtMs.length);
    castAtMs.push(performance.now());
    await pause(Math.random() * PAUSE_MS_MAX);
  }
  await pause(1_000);
  const lags: Lags[] = [];
  for (const { role, viewer } of viewers) {
    const who = (await isOn(role, "urna_tally_leads")) ? "who counts" : "who is told";
    const lagsMs = castAtMs.map((atMs, i) => (viewer.seenAtMs.get(i + 1) ?? Number.POSITIVE_INFINITY) - atMs);
    lags.push(lagsOf(who, lagsMs));
  }
  end.abort();
  await Promise.all(watching);
  return { ballots: castAtMs.length, lags };
}

const measured = await measure(asked.number("seconds"));
if (asked.json) console.log(JSON.stringify(measured));
else {
  console.log(`${measured.ballots} ballots, from the acknowledgement to a viewer:`);
  for (const { who, medianMs, p99Ms, maximumMs } of measured.lags)
    console.log(`${who}: median ${medianMs} ms, p99 ${p99Ms} ms, maximum ${maximumMs} ms`);
}
process.exit(0);
