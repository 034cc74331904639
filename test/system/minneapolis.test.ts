/** A real election of 80,101 cast vote records, through HTTP and out again to the vote. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { DevServer, type Finished, finished, runUrna, startUrna } from "../support/urna-process.ts";

const EXAMPLE = join(import.meta.dir, "../../examples/minneapolis-2013-mayor");
const RECORDS = join(EXAMPLE, "ballots.csv.gz");
const CONTEST = "minneapolis-2013-mayor-ballots";
const MINUTES_MS = 60_000;

type Expected = {
  valid: number;
  undervotes: number;
  overvotes: number;
  firstChoices: Record<string, number>;
};
const expected = JSON.parse(readFileSync(join(EXAMPLE, "expected-first-choices.json"), "utf8")) as Expected;
const RECORDED = expected.valid + expected.undervotes;

function replayArguments(server: DevServer): string[] {
  const { data, journal } = { data: server.folder, journal: join(server.folder, "..", "answers.ndjson") };
  return ["replay", RECORDS, "--data", data, "--journal", journal, "--connections", "512", "--json"];
}

async function expectCounts(server: DevServer): Promise<void> {
  await eventually("the results are complete", async () => (await server.turnout(CONTEST)) === RECORDED);
  const contest = await (await fetch(`${server.url}/v1/contests/${CONTEST}`)).json();
  const results = await (await fetch(`${server.url}/v1/contests/${CONTEST}/results`)).json();
  const titles = new Map<number, string>(
    contest.options.map((option: { number: number; title: string }) => [option.number, option.title]),
  );
  const counts = results.counts.map(({ option, votes }: { option: number; votes: number }) => [
    titles.get(option),
    votes,
  ]);
  expect(Object.fromEntries(counts)).toEqual(expected.firstChoices);
  expect(results).toMatchObject({ ballots: RECORDED, blank: expected.undervotes });
}

async function expectCleanRecount(server: DevServer): Promise<void> {
  const recount = await runUrna("recount", "--data", server.folder);
  expect(recount.stdout).toContain("clean");
  expect(recount.exitCode).toBe(0);
}

function summary({ exitCode, stdout, stderr }: Finished) {
  if (exitCode !== 0) throw new Error(`the replay failed: ${stderr}`);
  return JSON.parse(stdout);
}

test(
  "every vote of the file comes out, and a second replay records nothing",
  async () => {
    await using server = await DevServer.start();
    const first = summary(await runUrna(...replayArguments(server)));
    expect(first).toMatchObject({
      recordedNow: RECORDED,
      recordedBefore: 0,
      refused: { invalid_ballot: expected.overvotes },
    });
    await expectCounts(server);
    await expectCleanRecount(server);

    // The journal of the first one is compared: a receipt that differs in any field fails the replay.
    const second = summary(await runUrna(...replayArguments(server)));
    expect(second).toMatchObject({
      recordedNow: 0,
      recordedBefore: RECORDED,
      refused: { invalid_ballot: expected.overvotes },
    });
    await expectCounts(server);
    await expectCleanRecount(server);
    expect(await server.stop()).toBe(0);
  },
  5 * MINUTES_MS,
);

test(
  "kill -9 of the primary, of the standby and of Urna in the middle change no count",
  async () => {
    await using server = await DevServer.start();
    const replaying = finished(startUrna(replayArguments(server)));
    const recorded = (count: number) =>
      eventually(
        `${count} ballots are recorded`,
        async () => (await server.turnout(CONTEST)) >= count,
        2 * MINUTES_MS,
      );
    await recorded(10_000);
    process.kill(server.postmaster("primary"), "SIGKILL");
    await recorded(25_000);
    process.kill(server.postmaster("standby"), "SIGKILL");
    await recorded(40_000);
    await server.kill();
    await server.restart();
    await replaying;
    summary(await runUrna(...replayArguments(server)));
    await expectCounts(server);
    await expectCleanRecount(server);
  },
  5 * MINUTES_MS,
);
