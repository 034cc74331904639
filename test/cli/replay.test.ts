import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { problem, startUrnaPeer, type UrnaPeer } from "../client/urna-peer.ts";
import { eventually } from "../support/eventually.ts";
import { type Run, runUrna, startUrna } from "./urna-commands.ts";

let folder: string;
let file: string;
let peer: UrnaPeer;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "urna-replay-"));
  file = join(folder, "mayor.csv");
  peer = startUrnaPeer();
});
afterEach(async () => {
  await peer[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** `count` records of two options, turn about, after a blank and an overvoted one. */
function writeRecords(count: number): void {
  const rows = Array.from({ length: count }, (_, i) => `${i + 1},${i % 2 === 0 ? "Alma" : "Brisa"}`);
  writeFileSync(file, ["ballot,rank1", "b,undervote", "o,overvote", ...rows, ""].join("\n"));
}

const replay = (...given: string[]): Promise<Run> => runUrna(peer.url, "replay", file, "--json", ...given);
const countsOf = ({ stdout }: Run) => JSON.parse(stdout) as Record<string, unknown>;
const recordedBallots = () => [...peer.contests.values()][0]!.ballots;

test("every record is one ballot, and a second replay records nothing", async () => {
  writeRecords(6_000);
  const first = await replay();
  expect(first.exitCode).toBe(0);
  expect(countsOf(first)).toMatchObject({ recordedNow: 6_001, refused: { invalid_ballot: 1 }, malformed: 0 });
  const selections = [...recordedBallots().values()].map(({ selections: [option] }) => option ?? 0);
  const votes = (option: number) => selections.filter((selected) => selected === option).length;
  expect([votes(0), votes(1), votes(2)]).toEqual([1, 3_000, 3_000]);

  const second = await replay();
  expect(second.exitCode).toBe(0);
  expect(countsOf(second)).toMatchObject({ recordedNow: 0, recordedBefore: 6_001 });
});

test("malformed rows are told by number, the rest is cast, and the exit says so unless told not to", async () => {
  writeFileSync(file, 'ballot,rank1\n1,Alma\n2,"Brisa\n3\n1,Alma\n,Alma\n4,Brisa\n');
  const run = await replay();
  expect(run.exitCode).toBe(1);
  expect(countsOf(run)).toMatchObject({ recordedNow: 2, malformed: 4 });
  for (const words of [
    "row 3: a quote is opened",
    "row 4: has 1 columns",
    "row 5: voter 1 has a record in row 2",
    "row 6: names no voter",
  ]) {
    expect(run.stderr).toContain(`${file}, ${words}`);
  }
  expect((await replay("--allow-malformed")).exitCode).toBe(0);
});

test("into an existing contest the options are found by title", async () => {
  writeRecords(2);
  await replay();
  writeFileSync(file, "who,what\nx,Brisa\ny,Cielo\n");
  const [contest] = peer.contests.keys();
  const run = await replay("--contest", contest!, "--voter", "who", "--choice", "what");
  expect(countsOf(run)).toMatchObject({ recordedNow: 1, malformed: 1 });
  expect(run.stderr).toContain('row 3: the contest has no option "Cielo"');
  expect([...recordedBallots().values()].at(-1)!.selections).toEqual([2]);
});

test("another ballot of a voter who has voted is told, and fails the replay", async () => {
  writeRecords(4);
  await replay();
  writeFileSync(file, readFileSync(file, "utf8").replace("2,Brisa", "2,Alma"));
  const run = await replay();
  expect(run.exitCode).toBe(1);
  expect(countsOf(run)).toMatchObject({ alreadyVoted: 1, unexpectedlyRefused: 1 });
  expect(run.stderr).toContain("row 5: refused with 409 already_voted");
});

test("a refusal that the record does not explain fails the replay", async () => {
  writeRecords(20);
  peer.fault = (request) => (request <= 10 ? problem(422, "invalid_ballot") : undefined);
  const run = await replay("--connections", "1");
  expect(run.exitCode).toBe(1);
  // The first ten are a blank ballot, the overvote, and eight that are in order.
  expect(countsOf(run)).toMatchObject({ refused: { invalid_ballot: 10 }, unexpectedlyRefused: 9 });
});

test("a file whose options have changed says how to cast into the contest that exists", async () => {
  writeRecords(2);
  await replay();
  writeFileSync(file, "ballot,rank1\n9,Cielo\n");
  const run = await replay();
  expect(run.exitCode).toBe(1);
  expect(run.stderr).toContain(`say --contest ${[...peer.contests.keys()][0]}`);
});

test("what the file lacks is said before anything is created", async () => {
  writeFileSync(file, "ballot,first\n1,Alma\n");
  const run = await replay();
  expect(run).toMatchObject({ exitCode: 1, stdout: "" });
  expect(run.stderr).toContain('no column "rank1" (--choice)');
  expect(peer.contests.size).toBe(0);
});

describe("with a journal", () => {
  test("every ballot must answer with its first receipt, field for field", async () => {
    writeRecords(10);
    const journal = ["--journal", join(folder, "journal.ndjson")];
    await replay(...journal);
    expect((await replay(...journal)).exitCode).toBe(0);

    const [first, second] = [...recordedBallots().entries()];
    recordedBallots().set(first![0], { ...first![1], recordedAt: "1999-01-01T00:00:00.000Z" });
    recordedBallots().delete(second![0]);
    const run = await replay(...journal);
    expect(run.exitCode).toBe(1);
    expect(countsOf(run)).toMatchObject({ differing: 2 });
    expect(run.stderr).toMatch(/row \d+: another receipt than the first: recordedAt/);
    expect(run.stderr).toMatch(/row \d+: was recorded, now recorded again/);
  });
});

describe("through the buffered path", () => {
  const buffered = (...given: string[]) => replay("--buffered", "--partitions", "3", ...given);
  const log = () => [...peer.contests.values()][0]!.log!;

  test("every accepted ballot is followed until it is recorded; a second replay records nothing", async () => {
    writeRecords(2_000);
    const first = await buffered();
    expect(first.exitCode).toBe(0);
    const counts = { recordedNow: 0, acceptedNow: 2_001, refused: { invalid_ballot: 1 }, unresolved: 0 };
    expect(countsOf(first)).toMatchObject({ ...counts, recorded: 2_001, duplicate: 0, rejected: 0 });
    expect(recordedBallots().size).toBe(2_001);
    expect(first.stderr).toContain("following ");

    const second = await buffered();
    expect(second.exitCode).toBe(0);
    expect(countsOf(second)).toMatchObject({ ...counts, recorded: 0, duplicate: 2_001 });
    expect(recordedBallots().size).toBe(2_001);
    const { stdout } = await runUrna(peer.url, "replay", file, "--buffered");
    expect(stdout).toMatch(/^accepted now +2,001\n {2}of these recorded +0\n {2}duplicate +2,001\n/);
  });

  test("a ballot whose answer was lost is cast again as the same one, and is no duplicate", async () => {
    writeRecords(20);
    peer.lostAnswer = (request) =>
      request % 5 === 0 ? problem(503, "outcome_unknown", { "retry-after": "0" }) : undefined;
    expect(countsOf(await buffered())).toMatchObject({ acceptedNow: 21, recorded: 21, duplicate: 0 });
    expect(log().entries.length).toBeGreaterThan(21);
  });

  test("with a journal the very same ballots are cast again, and must be where they were", async () => {
    writeRecords(10);
    const path = join(folder, "journal.ndjson");
    const journal = ["--journal", path];
    await buffered(...journal);
    const lines = readFileSync(path, "utf8");
    expect(lines.match(/"status":202,"receipt"/g)).toHaveLength(11);
    expect(lines.match(/"fate":"recorded","receipt"/g)).toHaveLength(11);
    const again = await buffered(...journal);
    expect(again.exitCode).toBe(0);
    expect(countsOf(again)).toMatchObject({ acceptedNow: 11, recorded: 11, duplicate: 0, differing: 0 });
    expect(readFileSync(path, "utf8")).toBe(lines);

    const [first, second] = [...recordedBallots().entries()];
    recordedBallots().set(first![0], { ...first![1], seq: 9 });
    recordedBallots().set(second![0], { ...second![1], leaf: "another" });
    const run = await buffered(...journal);
    expect(run.exitCode).toBe(1);
    expect(countsOf(run)).toMatchObject({ differing: 2, duplicate: 1 });
    expect(run.stderr).toMatch(/row \d+: another receipt than the first: seq 1, now 9/);
    expect(run.stderr).toMatch(/row \d+: was recorded, now told duplicate/);
  });

  test("a ballot that is rejected, or that the ledger does not know, fails the replay", async () => {
    writeRecords(10);
    peer.verifyFault = (question) => {
      if (question === 3) return Response.json({ status: "rejected", reason: "it came too late" });
      return question === 5 ? Response.json({ status: "unknown_receipt", reason: "gone" }) : undefined;
    };
    const run = await buffered();
    expect(run.exitCode).toBe(1);
    const counts = { recorded: 9, rejected: 1, unexpectedlyRejected: 1, unknownReceipts: 1 };
    expect(countsOf(run)).toMatchObject(counts);
    expect(run.stderr).toMatch(
      /row \d+: accepted at partition \d, offset \d, and rejected: it came too late/,
    );
    expect(run.stderr).toMatch(/row \d+: accepted at .*, and now an unknown receipt: gone/);
  });

  test("ballots that nobody records are told of when it gives up, and by Ctrl-C", async () => {
    writeRecords(50);
    peer.fault = () => {
      for (const { log } of peer.contests.values()) log!.held = true;
      return undefined;
    };
    const run = await buffered("--give-up-after", "1");
    expect(run.exitCode).toBe(1);
    expect(countsOf(run)).toMatchObject({ acceptedNow: 51, recorded: 0, unsettled: 51 });
    expect(run.stderr).toContain(
      "nothing was told of any ballot for 1 s; running the replay again resumes it",
    );

    peer.verifications = 0;
    const interrupted = startUrna(peer.url, "replay", file, "--json", "--buffered", "--partitions", "3");
    await eventually("ballots are followed", () => peer.verifications > 0);
    log().drain(60);
    interrupted.kill("SIGINT");
    const ended = await interrupted.ended;
    expect(ended.exitCode).toBe(130);
    expect((countsOf(ended) as { unsettled: number }).unsettled).toBeGreaterThan(0);
  });

  test("how it is buffered can't be changed, and is said at its creation alone", async () => {
    writeRecords(2);
    await buffered();
    const direct = await replay();
    expect(direct).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("say --buffered and --partitions as"),
    });
    const [contest] = peer.contests.keys();
    expect((await replay("--contest", contest!)).exitCode).toBe(0);
    expect(await replay("--contest", contest!, "--buffered")).toMatchObject({ exitCode: 2 });
    const lonely = await replay("--partitions", "3");
    expect(lonely).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("say --buffered too") });
  });
});

describe("interrupted", () => {
  test("by the server's death: goes on when it is back, and every ballot counts once", async () => {
    writeRecords(5_000);
    peer.fault = (request) => {
      if (request === 1_000) setTimeout(() => peer[Symbol.asyncDispose](), 0);
      return undefined;
    };
    const port = Number(new URL(peer.url).port);
    const { contests } = peer;
    const run = startUrna(peer.url, "replay", file, "--json");
    await eventually("the server is gone", async () => !(await reachable(peer.url)));
    peer = startUrnaPeer(port);
    for (const [id, contest] of contests) peer.contests.set(id, contest);
    const ended = await run.ended;
    expect(ended.exitCode).toBe(0);
    expect(recordedBallots().size).toBe(5_001);
    const { recordedNow, recordedBefore } = countsOf(ended) as Record<string, number>;
    expect(recordedNow! + recordedBefore!).toBe(5_001);
  });

  test("for good: gives up, says that running it again resumes, and it does", async () => {
    writeRecords(300);
    peer.fault = (request) =>
      request > 100 ? problem(503, "not_recorded", { "retry-after": "0.1" }) : undefined;
    const run = await replay("--give-up-after", "1");
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toContain("running the replay again resumes it");
    expect(recordedBallots().size).toBeLessThan(301);
    peer.fault = null;
    expect((await replay()).exitCode).toBe(0);
    expect(recordedBallots().size).toBe(301);
  });

  test("by Ctrl-C: stops soon, says that running it again resumes, and it does", async () => {
    writeRecords(2_000);
    peer.fault = (request) =>
      request > 500 ? problem(503, "not_recorded", { "retry-after": "5" }) : undefined;
    const run = startUrna(peer.url, "replay", file, "--json");
    await eventually("ballots are being cast", () => peer.ballotRequests >= 500);
    run.kill("SIGINT");
    const ended = await run.ended;
    expect(ended.exitCode).toBe(130);
    expect(ended.stderr).toContain("stopped; running the replay again resumes it");
    expect(countsOf(ended).recordedNow).toBe(recordedBallots().size);
    peer.fault = null;
    expect((await replay()).exitCode).toBe(0);
    expect(recordedBallots().size).toBe(2_001);
  });
});

async function reachable(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  );
}
