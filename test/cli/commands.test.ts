import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { problem, startUrnaPeer, type UrnaPeer } from "../client/urna-peer.ts";
import { runUrna } from "./urna-commands.ts";

let folder: string;
let peer: UrnaPeer;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "urna-commands-"));
  peer = startUrnaPeer();
});
afterEach(async () => {
  await peer[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const urna = (...given: string[]) => runUrna(peer.url, ...given);

function written(name: string, content: string | Uint8Array): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

describe("urna election", () => {
  const FILE =
    "title: Song\nid: song\ncontests:\n  - title: Best\n    id: song-1\n    options: [Alma, Brisa]\n";

  test("from a file to the final result; creating again changes nothing", async () => {
    const file = written("election.yaml", FILE);
    const created = await urna("election", "create", "--file", file, "--json");
    expect(created.exitCode).toBe(0);
    expect(JSON.parse(created.stdout)).toMatchObject({
      election: { id: "song" },
      contests: [{ id: "song-1" }],
    });
    const again = await urna("election", "create", "--file", file, "--json");
    expect(again.stdout).toBe(created.stdout);
    expect((await urna("election", "open", "song-1")).stdout).toContain(
      "contest song-1: Best (open)\n  1  Alma",
    );
    expect((await urna("election", "close", "song-1", "--wait")).stdout).toContain("(final)");
    expect((await urna("election", "results", "song-1")).stdout).toContain("Best (song-1): final");
    const results = JSON.parse((await urna("election", "results", "song-1", "--json")).stdout);
    expect(results).toMatchObject({ contest: "song-1", final: true, turnout: 0 });
  });

  test("from flags", async () => {
    const flags = ["--title", "Song", "--contest", "Best", "--option", "Alma", "Brisa", "--allow-blank"];
    const { stdout } = await urna("election", "create", ...flags, "--contest-id", "song-1", "--json");
    expect(JSON.parse(stdout).contests[0]).toMatchObject({
      id: "song-1",
      allowBlank: true,
      options: [{}, {}],
    });
  });

  test("a buffered one, by flags and from a file, and it says how its ballots are buffered", async () => {
    const flags = ["--title", "Finals", "--id", "finals", "--buffered", "--partitions", "64"];
    const ledgers = ["--ledger", "east", "west"];
    const words = "election finals: Finals (buffered: 64 partitions; recorded in east, west)\n";
    expect((await urna("election", "create", ...flags, ...ledgers)).stdout).toBe(words);
    const file = written(
      "finals.yaml",
      `${FILE.replace("id: song\n", "id: semi\nbuffering: {partitions: 8}\n")}`,
    );
    const { stdout } = await urna("election", "create", "--file", file, "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      election: { id: "semi", buffering: { partitions: 8, ledgers: ["east"] } },
      contests: [{ id: "song-1", buffered: true }],
    });
    const direct = await urna("election", "create", "--title", "Direct", "--json");
    expect(JSON.parse(direct.stdout).election.buffering).toBeNull();
  });

  test("flags that do not fit together say what is missing", async () => {
    expect((await urna("election", "create", "--contest", "Best")).stderr).toContain("say --title");
    expect((await urna("election", "create", "--file", "x.yaml", "--title", "Song")).stderr).toContain(
      "not both",
    );
    for (const flag of [
      ["--partitions", "8"],
      ["--ledger", "east"],
    ]) {
      const half = await urna("election", "create", "--title", "Song", ...flag);
      expect(half).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("say --buffered too") });
    }
    const none = await urna("election", "create", "--title", "Song", "--buffered", "--partitions", "0");
    expect(none).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("from 1 to 10000") });
    const orphan = await urna("election", "create", "--title", "Song", "--option", "Alma");
    expect(orphan).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("say --contest") });
    const late = await urna(
      "election",
      "create",
      "--title",
      "S",
      "--contest",
      "B",
      "--option",
      "A",
      "--opens-at",
      "soon",
    );
    expect(late.stderr).toContain("contests[0].opensAt: it must be a time with its zone, like");
  });

  test("an unknown field in the file is named with its line, and nothing is created", async () => {
    const file = written("election.yaml", FILE.replace("options", "optoins"));
    const { exitCode, stderr } = await urna("election", "create", "--file", file);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("line 6, column 5: contests[0].optoins: unknown field");
    expect(peer.contests.size).toBe(0);
  });

  test("a file that is not there and a contest that is not there", async () => {
    const missing = await urna("election", "create", "--file", join(folder, "none.yaml"));
    expect(missing.exitCode).toBe(1);
    expect(missing.stderr).toContain("none.yaml");
    expect(missing.stderr).not.toContain("    at ");
    expect(await urna("election", "show", "none")).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("404 no_such_contest"),
    });
  });
});

describe("urna token mint", () => {
  test("one voter's token goes to stdout, alone", async () => {
    const { stdout, exitCode } = await urna("token", "mint", "--election", "song", "--voter", "alice");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^[A-Za-z0-9_-]+\n$/);
  });

  test("a file of voters over several calls, each beside its own token", async () => {
    const voters = Array.from({ length: 25_001 }, (_, i) => `voter ${i}`);
    const out = join(folder, "tokens.tsv");
    const run = await urna(
      "token",
      "mint",
      "--election",
      "s",
      "--voters",
      written("v", voters.join("\n")),
      "--out",
      out,
    );
    expect(run.exitCode).toBe(0);
    const rows = readFileSync(out, "utf8").trimEnd().split("\n");
    expect(rows.map((row) => row.split("\t")[0])).toEqual(voters);
    const { stdout } = await urna("token", "mint", "--election", "s", "--voter", "voter 20000");
    expect(rows[20_000]!.split("\t")[1]).toBe(stdout.trimEnd());
    expect(statSync(out).mode & 0o777).toBe(0o600);
  });

  test("bad lines are reported with their number and left out; the rest is complete; exit 1", async () => {
    const content = Buffer.concat([
      Buffer.from(`a\n\nb\tc\n${"x".repeat(513)}\n`),
      Buffer.from([0xc3, 0x28, 0x0a]),
      Buffer.from(`${"y".repeat(512)}\r\nlast`),
    ]);
    const out = join(folder, "tokens.tsv");
    const run = await urna(
      "token",
      "mint",
      "--election",
      "s",
      "--voters",
      written("v", content),
      "--out",
      out,
    );
    expect(run.exitCode).toBe(1);
    for (const words of [
      "line 2: empty",
      "line 3: has a tab",
      "line 4: longer than 512 bytes",
      "line 5: not valid UTF-8",
    ]) {
      expect(run.stderr).toContain(words);
    }
    const voters = readFileSync(out, "utf8").trimEnd().split("\n");
    expect(voters.map((row) => row.split("\t")[0])).toEqual(["a", "y".repeat(512), "last"]);
  });

  test("a minting that fails leaves no file, neither whole nor half", async () => {
    await peer[Symbol.asyncDispose]();
    peer = startUrnaPeer();
    const out = join(folder, "tokens.tsv");
    const voters = written("v", "a\n");
    const run = await runUrna(
      peer.url,
      "token",
      "mint",
      "--election",
      "s",
      "--voters",
      voters,
      "--out",
      out,
      "--admin-token",
      "wrong",
    );
    expect(run).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("401 not_authorized") });
    expect(readdirSync(folder)).toEqual(["v"]);
  });

  test("a file that is there already is not overwritten", async () => {
    const out = written("tokens.tsv", "precious");
    const run = await urna("token", "mint", "--election", "s", "--voters", written("v", "a\n"), "--out", out);
    expect(run).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("move it away") });
    expect(readFileSync(out, "utf8")).toBe("precious");
    expect(peer.mintingCalls).toBe(0);
    expect(existsSync(`${out}.unfinished`)).toBe(false);
  });
});

describe("urna load", () => {
  test("figures that the turnout confirms", async () => {
    const run = await urna("load", "--seconds", "1", "--connections", "16", "--rate", "300", "--json");
    expect(run.exitCode).toBe(0);
    const figures = JSON.parse(run.stdout);
    const [contest] = [...peer.contests.values()];
    expect(figures).toMatchObject({
      contest: contest!.id,
      turnoutGrowth: contest!.ballots.size,
      fault: null,
    });
    expect(figures.votesPerSecond).toBeGreaterThan(250);
    expect(figures.votesPerSecond).toBeLessThanOrEqual(310);
    expect(figures.latencyMs.p50).toBeLessThanOrEqual(figures.latencyMs.max);
  });

  test("in a buffered contest accepted ballots count, and are waited for until they are recorded", async () => {
    let draining: ReturnType<typeof setInterval> | undefined;
    peer.fault = () => {
      const log = [...peer.contests.values()][0]!.log!;
      log.held = true;
      draining ??= setInterval(() => log.drain(10), 50);
      return undefined;
    };
    const flags = ["--seconds", "1", "--connections", "16", "--rate", "300"];
    const run = await urna("load", "--buffered", "--partitions", "3", ...flags, "--json");
    clearInterval(draining);
    expect(run).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("recording ") });
    const figures = JSON.parse(run.stdout);
    expect(figures).toMatchObject({ turnoutGrowth: figures.durable, fault: null });
    expect(figures.recording.lagBallots).toBeGreaterThan(0);
    expect(figures.recording.drainSeconds).toBeGreaterThan(0);
    expect(figures.answers).toEqual({ 202: expect.any(Number) });
  });

  test("accepted ballots that are not recorded fail it", async () => {
    peer.fault = () => {
      [...peer.contests.values()][0]!.log!.held = true;
      return undefined;
    };
    const run = await urna("load", "--buffered", "--seconds", "1", "--connections", "4", "--rate", "50");
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toMatch(/the turnout grew by 0, but there were \d+ durable ballots/);
    expect(run.stdout).toContain("not all was seen recorded");
  }, 60_000);

  test("a ballot that nobody here cast is noticed", async () => {
    peer.lostAnswer = (request) => {
      const [contest] = [...peer.contests.values()];
      if (request === 1) contest!.ballots.set("stranger", [...contest!.ballots.values()][0]!);
      return undefined;
    };
    const run = await urna("load", "--seconds", "1", "--connections", "4", "--rate", "50", "--json");
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toContain("did anybody else vote");
  });

  test("ballots of unknown outcome, and a server that goes: the figures are shown, and the exit says so", async () => {
    peer.lostAnswer = (request) => (request === 3 ? problem(503, "outcome_unknown") : undefined);
    const unsure = await urna("load", "--seconds", "1", "--connections", "4", "--rate", "50", "--json");
    expect(unsure).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("unknown outcome: 1") });
    expect(JSON.parse(unsure.stdout)).toMatchObject({ unknown: 1, fault: "ballots of unknown outcome: 1" });

    peer.lostAnswer = (request) => {
      if (request % 100 === 50) queueMicrotask(() => void peer[Symbol.asyncDispose]());
      return undefined;
    };
    const gone = await urna("load", "--seconds", "2", "--connections", "4", "--rate", "20");
    expect(gone.exitCode).toBe(1);
    expect(gone.stdout).toContain("turnout     not known");
    expect(gone.stderr).toContain("the turnout can't be read any more");
    expect(gone.stderr).toMatch(/ballots that could not be sent, because connections failed: \d/);
  });

  test("a contest that takes no ballots is not measured", async () => {
    await urna("election", "create", "--title", "S", "--contest", "B", "--contest-id", "b", "--option", "A");
    const run = await urna("load", "--contest", "b");
    expect(run).toMatchObject({ exitCode: 1, stderr: "urna: contest b takes no ballots: it is draft\n" });
  });

  test("a flag that makes no sense is refused with its bounds", async () => {
    const run = await urna("load", "--connections", "many");
    expect(run).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("whole number from 1 to") });
  });
});

test.each(["election create", "election close", "election results", "token mint", "replay", "load"])(
  "urna %s --help shows an example",
  async (command) => {
    const { stdout, exitCode } = await urna(...command.split(" "), "--help");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(new RegExp(`Examples?:\\n  urna ${command} ?`));
    expect(stdout).toContain("URNA_ADMIN_TOKEN");
  },
);
