/** The program as a new user meets it: versions, help, and what is said of flags and files that are wrong. */
import { afterAll, describe, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { version } from "../../package.json";
import { createProgram } from "../../src/cli/program.ts";
import { finished, freePort, runUrna, startUrna } from "../support/urna-process.ts";

const folder = mkdtempSync(join(tmpdir(), "urna-program-"));
afterAll(() => rmSync(folder, { recursive: true }));

function written(name: string, content: string): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

test("--version is the package's", async () => {
  expect(await runUrna("--version")).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: "" });
});

describe("flags that are wrong: exit 2, one thing said, and where to read more", () => {
  const wrong: [string, string][] = [
    ["elektion", "urna: unknown command 'elektion'\n(Did you mean election?)\n(urna --help tells more)\n"],
    ["election opne song", "unknown command 'opne'\n(Did you mean open?)\n(urna election --help tells more)"],
    ["gateway --databse-url x", "urna: unknown option '--databse-url'\n(Did you mean --database-url?)"],
    ["token mint --voter ann --elect song", "urna: unknown option '--elect'"],
    ["election void song --reasons why", "urna: unknown option '--reasons'\n(Did you mean --reason?)"],
    ["election void", "urna: missing required argument 'contest'"],
    ["gateway", "urna: say --database-url <url>, or set DATABASE_URL: the ledger"],
    ["admin --database-url x", "urna: say --admin-token <token>, or set URNA_ADMIN_TOKEN: "],
    ["token mint --voter ann", "urna: say --election <id>: the election's id"],
    ["election extend song", "urna: say --closes-at <time>: like 2026-"],
    ["election create --file e.yaml --option a", "urna: say --file, or describe the election with flags"],
    ["recount --contests song", "urna: unknown option '--contests'"],
    ["recount --url vote.example --database-url postgres://x", "--url (URNA_URL) must be like http"],
  ];
  test.each(wrong)("urna %s", async (given, told) => {
    const { exitCode, stderr, stdout } = await runUrna(...given.split(" "));
    expect(stderr).toContain(told);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).not.toContain("    at ");
  });

  test("an admin token that will not do is not repeated", async () => {
    const { exitCode, stderr } = await runUrna("dev", "--admin-token", "hunter2");
    expect(exitCode).toBe(2);
    expect(stderr).toStartWith("urna: --admin-token (URNA_ADMIN_TOKEN) must have at least 16 characters");
    expect(stderr).not.toContain("hunter2");
  });
});

describe("files that can't be read or written are told in words, before any server is asked", () => {
  const missing = join(folder, "none");
  const records = written("one.csv", "ballot,rank1\n1,Alma\n");
  const out = ["--out", join(folder, "out.tsv")];
  const readers: [string, string[]][] = [
    ["election create --file", []],
    ["replay", []],
    ["token mint --election e --voters", out],
  ];
  test.each(readers)("urna %s", async (words, others) => {
    const run = (file: string) =>
      runUrna(...words.split(" "), file, ...others, "--url", "http://127.0.0.1:1");
    const told = async (file: string) => (await run(file)).stderr;
    expect(await told(missing)).toBe(`urna: cannot read ${missing}: it does not exist\n`);
    expect(await told(folder)).toBe(`urna: cannot read ${folder}: it is a folder\n`);
    expect(await told(join(records, "x"))).toContain("a part of its path is not a folder");
  });

  test("urna replay --journal", async () => {
    const { stderr } = await runUrna(
      "replay",
      records,
      "--journal",
      join(missing, "j"),
      "--url",
      "http://127.0.0.1:1",
    );
    expect(stderr).toBe(`urna: cannot write ${join(missing, "j")}: its folder does not exist\n`);
  });

  test("urna keys init", async () => {
    const { stderr } = await runUrna("keys", "init", "--secrets-file", join(records, "secrets.json"));
    expect(stderr).toBe(
      `urna: cannot write ${join(records, "secrets.json")}: a part of its path is not a folder\n`,
    );
  });
});

describe("urna election create --file: one line a fault, with file, line, column and reason", () => {
  const faults: [string, string][] = [
    ['{"title": "x" "id": 2}', "line 1, column 15: this does not belong here: perhaps a comma"],
    ["title: x\n\tid: y\n", "line 2, column 1: a tab can't indent: use spaces"],
    ["title: a: b\n", "line 1, column 8: a second colon in one line: put the value into quotes"],
    ["title: 'a\n", "line 2, column 1: a quote, a bracket or a colon is missing before this"],
    ["title: a\ntitle: b\n", "line 2, column 1: the same field is there twice"],
    ["title: a\n---\ntitle: b\n", "line 2, column 1: a second document begins"],
    ["title: *nobody\n", "line 1, column 8: an alias (*name) without its anchor (&name) before it"],
    ["title: 3\n", "line 1, column 8: title: it must be text"],
    ["title: ''\n", "line 1, column 8: title: it must not be empty"],
    [
      "title: x\ncontests: [{title: y, options: []}]\n",
      "line 2, column 32: contests[0].options: it must not be",
    ],
  ];
  test.each(faults)("%p", async (content, told) => {
    const file = written("election.yaml", content);
    const { exitCode, stderr } = await runUrna("election", "create", "--file", file);
    expect(exitCode).toBe(1);
    expect(stderr).toStartWith(`urna: ${file}, ${told}`);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(stderr.length - file.length).toBeLessThan(120);
  });
});

describe("urna replay of a file of something else", () => {
  const SHADOW = "root:$6$c0ffee$hash:19000:0:99999:7:::\nann:!:19000,x\n\u001b[2J:,\n";

  test("shows nothing of it", async () => {
    const file = written("shadow", SHADOW);
    const { exitCode, stderr } = await runUrna("replay", file, "--url", "http://127.0.0.1:1");
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: `urna: ${file}, row 1 has no column "ballot" (--voter); it must name the file's columns\n`,
    });
  });

  test("an empty header alone is no reason to go on", async () => {
    const file = written("header.csv", "ballot,rank1\nonly one\n");
    const { stderr } = await runUrna("replay", file, "--url", "http://127.0.0.1:1");
    expect(stderr).toBe(
      `urna: ${file} has no record that could be cast; row 2: has 1 columns, the header has 2\n`,
    );
  });

  test("a file that a slip made the journal is left as it is", async () => {
    const records = written("two.csv", "ballot,rank1\n1,Alma\n");
    for (const content of ["precious, and no newline", SHADOW]) {
      const journal = written("notes.txt", content);
      const { stderr } = await runUrna(
        "replay",
        records,
        "--journal",
        journal,
        "--url",
        "http://127.0.0.1:1",
      );
      expect(stderr).toBe(`urna: ${journal}, line 1 is not a replay's: choose another --journal\n`);
      expect(readFileSync(journal, "utf8")).toBe(content);
    }
  });
});

describe("where nothing answers", () => {
  const patient: [string, string[]][] = [
    ["load", []],
    ["replay", [written("three.csv", "ballot,rank1\n1,Alma\n")]],
    ["election close", ["song", "--wait"]],
    ["token mint", ["--election", "e", "--voters", written("voters", "ann\n"), "--out", join(folder, "o")]],
  ];
  test.each(patient)("urna %s does not wait for it", async (command, others) => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { exitCode, stderr } = await runUrna(...command.split(" "), ...others, "--url", url);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: `urna: nothing answers at ${url}: start urna dev, or give --url (URNA_URL)\n`,
    });
    expect(readdirSync(folder)).not.toContain("o.unfinished");
  });

  test("nor for one that takes connections and says nothing", async () => {
    const silent = createServer(() => undefined).listen(0, "127.0.0.1");
    await new Promise((resolve) => silent.once("listening", resolve));
    const url = `http://127.0.0.1:${(silent.address() as { port: number }).port}`;
    const { exitCode, stderr } = await runUrna("load", "--url", url);
    silent.close();
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: `urna: nothing answers at ${url} within 2 s: start urna dev, or give --url (URNA_URL)\n`,
    });
  });
});

test("urna token mint --out: a link that leads nowhere is a file too, and nothing is asked for", async () => {
  const out = join(folder, "link.tsv");
  symlinkSync(join(folder, "nowhere"), out);
  const voters = ["--voters", written("some", "ann\n"), "--url", "http://127.0.0.1:1"];
  const { exitCode, stderr } = await runUrna("token", "mint", "--election", "e", ...voters, "--out", out);
  expect({ exitCode, stderr }).toEqual({
    exitCode: 1,
    stderr: `urna: ${out} is there already: move it away, or choose another --out\n`,
  });
});

/** Those that do something, with their words: `election create`. */
function leaves(command: Command, words: string[] = []): [string, Command][] {
  if (command.commands.length === 0) return [[words.join(" "), command]];
  return command.commands.flatMap((child) => leaves(child, [...words, child.name()]));
}

const RUNS_UNTIL_SIGNALLED = ["dev", "gateway", "recorder", "results", "admin"];

test.each(leaves(createProgram()))("urna %s --help: an example, exit statuses, JSON", (words, command) => {
  let help = "";
  command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
  expect(help).toMatch(new RegExp(`Examples?:\n  urna ${words}\\b`));
  expect(help).toContain("Exit status: 0 ");
  if (!RUNS_UNTIL_SIGNALLED.includes(words)) expect(help).toContain("--json ");
});

test("a role that can't start says why and exits 1", async () => {
  const secrets = written("broken.json", '{"pepper": "cGVwcGVy');
  const given = ["gateway", "--database-url", "postgres://urna@127.0.0.1:1/urna", "--secrets-file", secrets];
  rmSync(secrets);
  mkdirSync(secrets);
  const { exitCode, stderr } = await finished(startUrna(given));
  expect({ exitCode, stderr }).toEqual({
    exitCode: 1,
    stderr: `urna: cannot read ${secrets}: it is a folder\n`,
  });
});
