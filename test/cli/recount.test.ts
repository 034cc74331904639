import { afterEach, expect, spyOn, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recountCommand } from "../../src/cli/recount.ts";
import type { ResultsAnswer } from "../../src/election/answers.ts";
import { ballotOf, RealLedger } from "../auditing/real-ledger.ts";
import { BufferedLedgers } from "../support/buffered-ledgers.ts";

const folder = mkdtempSync(join(tmpdir(), "urna-recount-"));
const nowhere = join(folder, "nothing-here");

afterEach(() => {
  process.exitCode = 0;
});

/** Runs the command in this process, as if in an environment without settings. */
async function run(...flags: string[]): Promise<{ exit: number; out: string; error: string }> {
  const out = spyOn(console, "log").mockImplementation(() => undefined);
  const error = spyOn(console, "error").mockImplementation(() => undefined);
  const stderr = spyOn(process.stderr, "write").mockImplementation(() => true);
  process.exitCode = 0;
  await recountCommand().parseAsync(flags, { from: "user" });
  const text = (spy: typeof out) => spy.mock.calls.flat().join("\n");
  const result = { exit: Number(process.exitCode), out: text(out), error: text(error) };
  for (const spy of [out, error, stderr]) spy.mockRestore();
  return result;
}

/** A server that answers every contest's results with these. */
function resultsServer(answer: () => ResultsAnswer) {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => Response.json(answer()) });
  return { url: `http://127.0.0.1:${server.port}`, [Symbol.asyncDispose]: () => server.stop(true) };
}

async function ledgerWithTwoBallots() {
  const ledger = await RealLedger.open();
  const contest = await ledger.contest("song");
  await using recorder = await ledger.recorder();
  await recorder.record([ballotOf(contest, 2), ballotOf(contest)]);
  return ledger;
}

const results: ResultsAnswer = {
  ...{
    contest: "song",
    state: "open",
    paused: false,
    void: null,
    turnout: 2,
    asOf: new Date().toISOString(),
    final: false,
  },
  ...{ ballots: 2, blank: 1, counts: [1, 2, 3].map((option) => ({ option, votes: option === 2 ? 1 : 0 })) },
};

test("a clean ledger exits 0 and says so, to people and to machines", async () => {
  await using ledger = await ledgerWithTwoBallots();
  const flags = ["--data", nowhere, "--database-url", ledger.connectionString];
  const { exit, out } = await run(...flags);
  expect(exit).toBe(0);
  expect(out).toMatch(/^song +2 +2 +not compared$/m);
  expect(out).toMatch(/checked: streams 1, blocks 1, leaves 2\nclean$/);
  expect(out).not.toContain("urna:"); // the connection string's password stays out of it

  const machine = await run(...flags, "--json", "--contest", "song");
  expect(JSON.parse(machine.out)).toMatchObject({
    ...{ clean: true, standby: false, resultsUrl: null, streams: 1, blocks: 1, leaves: 2 },
    contests: [{ id: "song", counts: { ballots: 2, blank: 1 }, blocksTally: 2, results: null }],
    findings: { total: 0, byCode: {}, first: [] },
  });
});

test("the running urna dev is found by its data folder, its results are compared", async () => {
  await using ledger = await ledgerWithTwoBallots();
  let served = results;
  await using server = resultsServer(() => served);
  const dev = { url: server.url, adminToken: "x", databaseUrl: ledger.connectionString, pid: process.pid };
  writeFileSync(join(folder, "dev.json"), JSON.stringify(dev));
  const clean = await run("--data", folder);
  expect(clean).toMatchObject({ exit: 0, error: "" });
  expect(clean.out).toMatch(/^song +2 +2 +2 equal$/m);

  served = { ...results, turnout: 3 };
  const differs = await run("--data", folder);
  expect(differs.exit).toBe(1);
  expect(differs.out).toMatch(/^song +2 +2 +3 DIFFERS$/m);
  expect(differs.out).toContain("results_mismatch  contest song: turnout: served 3, counted 2");

  // A file left behind by one that was killed: its ledger can be counted, there are no results to compare.
  const killed = Bun.spawn(["true"]);
  await killed.exited;
  writeFileSync(join(folder, "dev.json"), JSON.stringify({ ...dev, pid: killed.pid }));
  expect((await run("--data", folder)).out).toContain("not compared");
});

test("what differs exits 1, with its place", async () => {
  await using ledger = await ledgerWithTwoBallots();
  await ledger.corrupt("UPDATE ballots SET nonce = gen_random_uuid() WHERE index = 1");
  const { exit, out } = await run("--data", nowhere, "--database-url", ledger.connectionString);
  expect(exit).toBe(1);
  expect(out).toContain("1 finding\n  1 × leaf_mismatch: ");
  expect(out).toContain("leaf_mismatch  contest song, stream 1, block 1, index 1: ");
});

test("a deployment's ledgers are counted together, and no other database is taken for one of them", async () => {
  await using ledgers = await BufferedLedgers.open([0, 1]);
  const contest = await ledgers.contest();
  for (const partition of [0, 1]) {
    const ballot = ledgers.ballot(contest, partition, 1);
    ledgers.append(partition, ballot, Buffer.from("no record"), ballot);
  }
  await ledgers.drain();
  const [home, further] = ledgers.ledgers.map(({ connectionString }) => connectionString);
  const flags = ["--data", nowhere, "--database-url", home!];
  const { exit, out } = await run(...flags, "--ledgers", `ledger-1=${further}`);
  expect(out).toMatch(/^Recount of .*, ledger ledger-1 at 127/);
  expect(out).toContain("checked: streams 4, blocks 2, leaves 2\n");
  expect(out).toContain("duplicates 2, rejected 0, quarantined 2 (and barriers 0)\nclean");
  expect(exit).toBe(0);
  const machine = await run(...flags, "--ledgers", `ledger-1=${further}`, "--json");
  expect(JSON.parse(machine.out)).toMatchObject({
    ledgers: [{ name: "ledger-1", standby: false }],
    exceptions: { duplicate: 2, quarantined: 2 },
  });

  const impossible: [string[], string][] = [
    [[], "has ballots in ledger number 1: name it in --ledgers (URNA_LEDGERS)"],
    [["--ledgers", `north=${further}`], "the home ledger knows no ledger north"],
    [["--ledgers", `ledger-1=${home}`], "ledger ledger-1: it is ledger ledger-0 of this deployment"],
    [["--ledgers", "ledger-1=postgres://urna:secret@127.0.0.1:1/urna"], "ledger ledger-1: "],
  ];
  for (const [more, told] of impossible) {
    const refused = await run(...flags, ...more);
    expect({ exit: refused.exit, out: refused.out }).toEqual({ exit: 2, out: "" });
    expect(refused.error).toContain(told);
    expect(refused.error).not.toContain("secret");
  }
});

test("what can't be done exits 2, and says what to do", async () => {
  await using ledger = await ledgerWithTwoBallots();
  const database = ["--database-url", ledger.connectionString];
  const impossible: [string[], string][] = [
    [["--data", nowhere], "DATABASE_URL"],
    [["--data", nowhere, "--database-url", "mysql://db"], "DATABASE_URL"],
    [["--data", nowhere, "--database-url", "postgres://urna:secret@127.0.0.1:1/urna"], "127.0.0.1:1"],
    [["--data", nowhere, ...database, "--contest", "nope"], "no contest nope"],
    [["--data", nowhere, ...database, "--url", "http://127.0.0.1:1"], "http://127.0.0.1:1"],
  ];
  for (const [flags, told] of impossible) {
    const { exit, out, error } = await run(...flags);
    expect({ exit, out }).toEqual({ exit: 2, out: "" });
    expect(error).toContain(told);
    expect(error).not.toContain("secret");
    expect(error.split("\n")).toHaveLength(1);
  }
  rmSync(folder, { recursive: true, force: true });
});
