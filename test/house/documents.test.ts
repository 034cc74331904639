/** What the documents say of the code is so: tests, files, commands, settings, calls, metrics. */
import { describe, expect, test } from "bun:test";
import { dirname, join, normalize } from "node:path";
import { parseElectionFile } from "../../src/cli/election-file.ts";
import { OPERATIONS } from "../../src/contract/operations.ts";
import { OPTIONS } from "../../src/runtime/options.ts";
import { MAY_IMPORT } from "./directions.ts";
import { FILES, ROOT, sources } from "./files.ts";

const documents = sources(/\.md$/);
const RUNNING = FILES.get("docs/operations/running.md")!;

/** The code spans of a text, without what stands in fences. */
const spans = (text: string) =>
  [...text.replaceAll(/^```[\s\S]*?^```/gm, "").matchAll(/`([^`]+)`/g)].map(([, span]) => span!);

/** First arguments that are text and have a function behind them: titles of tests. */
const titlesIn = (text: string) =>
  [...text.matchAll(/(["'`])((?:(?!\1)[^\\\n]|\\.)+)\1,\s*(?:async\b|\()/g)].map(([, , title]) => title!);

describe("invariants", () => {
  const text = FILES.get("docs/invariants.md")!;

  test("name tests that exist", () => {
    const cited = [...text.matchAll(/^- `(test\/[\w./-]+\.ts)`(?:: “([^”]+)”$)?/gm)];
    expect(cited.length).toBeGreaterThan(50);
    const missing = cited.filter(([, path, name]) => {
      const titles = titlesIn(FILES.get(path!) ?? "");
      return name === undefined || !titles.some((title) => title.includes(name));
    });
    expect(missing.map(([citation]) => citation)).toEqual([]);
  });

  test("are numbered, and each has a test", () => {
    const entries = text.split(/^\*\*(?=\d+\. )/m).slice(1);
    expect(entries.map((entry) => Number.parseInt(entry, 10))).toEqual(entries.map((_, i) => i + 1));
    expect(entries.filter((entry) => !entry.includes("\n- `test/"))).toEqual([]);
  });

  test("name guards that are where they are said to be", () => {
    const guards = [...text.matchAll(/`(\w+)`(?: and `(\w+)`)?\s+(?:\(|in )(src\/[\w./-]+\.ts)/g)];
    expect(guards.length).toBeGreaterThan(10);
    const missing = guards.flatMap(([, first, second, path]) =>
      [first, second].filter(
        (name) => name !== undefined && !new RegExp(`\\b${name}\\b`).test(FILES.get(path!) ?? ""),
      ),
    );
    expect(missing).toEqual([]);
  });
});

test("links between documents lead somewhere", () => {
  const broken = documents.flatMap(([path, text]) =>
    [...text.matchAll(/(?:\]\(|src=")([^)#\s"]+)(?:#[^)]*)?[)"]/g)]
      .map(([, target]) => target!)
      .filter((target) => !/^[a-z]+:/.test(target))
      .filter((target) => !exists(normalize(join(dirname(path), target))))
      .map((target) => `${path}: ${target}`),
  );
  expect(broken).toEqual([]);
});

test("files that documents name exist", () => {
  const named = documents.flatMap(([path, text]) =>
    [...text.matchAll(/(?<![\w/.-])(?:src|test|bench|scripts|docs|examples)\/[\w./-]*\w/g)].map(
      ([file]) => [path, file] as const,
    ),
  );
  expect(named.length).toBeGreaterThan(100);
  expect(named.filter(([, file]) => !exists(file))).toEqual([]);
});

function exists(path: string): boolean {
  const file = path.replace(/\/$/, "");
  return [...FILES.keys()].some((known) => known === file || known.startsWith(`${file}/`));
}

test("decisions are numbered without a gap", () => {
  const decisions = sources(/^docs\/decisions\//);
  const numbers = decisions.map(([path]) => Number(path.split("/").at(-1)!.slice(0, 4)));
  expect(numbers.sort((a, b) => a - b)).toEqual(numbers.map((_, i) => i + 1));
  const untitled = decisions.filter(
    ([path, text]) => !text.startsWith(`# ${path.split("/").at(-1)!.slice(0, 4)} `),
  );
  expect(untitled.map(([path]) => path)).toEqual([]);
});

test("ARCHITECTURE shows who may import whom", () => {
  const rows = [...FILES.get("ARCHITECTURE.md")!.matchAll(/^\| `(\w+)` \|[^|]+\| ([^|]+) \|$/gm)];
  const shown = rows.map(([, folder, list]) => [folder, list === "nothing" ? [] : list!.split(", ")]);
  const { "main.ts": _, "index.ts": __, ...folders } = MAY_IMPORT;
  expect(Object.fromEntries(shown)).toEqual(folders);
});

test("commands that documents name exist", () => {
  const commandsOf = (...words: string[]) => {
    const { stdout } = Bun.spawnSync([process.execPath, "src/main.ts", ...words, "--help"], { cwd: ROOT });
    const [, list] = stdout.toString().split("Commands:\n");
    return [...(list ?? "").matchAll(/^ {2}(\w+)/gm)].map(([, name]) => name!);
  };
  const commands = commandsOf();
  expect(commands.length).toBeGreaterThan(8);
  const named = documents.flatMap(([, text]) => [
    ...text.matchAll(/(?:npx |`|^|and )urna ([a-z]+)(?: ([a-z]+)(?![\w.-]))?/gm),
  ]);
  const groups = { election: commandsOf("election"), token: commandsOf("token"), keys: commandsOf("keys") };
  const unknown = named.filter(([, command, sub]) => {
    if (!commands.includes(command!)) return true;
    const subs = groups[command as keyof typeof groups];
    return subs !== undefined && sub !== undefined && !subs.includes(sub);
  });
  expect(unknown.map(([words]) => words)).toEqual([]);
  const table = [...FILES.get("README.md")!.matchAll(/^\| `urna [^|]+/gm)].join("");
  expect(commands.filter((command) => command !== "help" && !table.includes(command))).toEqual([]);
});

test("every setting of the roles is in the table of settings, and no other", () => {
  const shown = [...RUNNING.matchAll(/^\| `(--[\w-]+)` \| `(\w+)` \|/gm)].map(([, flag, name]) => [
    flag,
    name,
  ]);
  const settings = Object.values(OPTIONS).map((option) => option("text"));
  expect(shown.sort()).toEqual(settings.map(({ long, envVar }) => [long!, envVar!]).sort());
});

test("every call of the contract is in the README's table, and no other", () => {
  const [, table] = /## All calls\n([\s\S]*?)\n`…`/.exec(FILES.get("README.md")!)!;
  const shown = spans(table!).map((call) => call.replace("…", "/v1/contests/{contest}"));
  expect(shown.sort()).toEqual(
    OPERATIONS.map(({ method, path }) => `${method.toUpperCase()} ${path}`).sort(),
  );
});

test("every metric is in the table of metrics, and no other", () => {
  const code = sources(/^src\/(runtime\/metrics|roles\/[\w-]+)\.ts$/).map(([, text]) => text);
  const named = [...code.join("").matchAll(/"(urna_\w+)"/g)].map(([, name]) => name!);
  const [, table] = RUNNING.split("## Metrics");
  expect(
    spans(table!)
      .filter((span) => span.startsWith("urna_"))
      .sort(),
  ).toEqual(named.sort());
});

test("the example's election file is one", () => {
  const parsed = parseElectionFile(FILES.get("examples/election.yaml")!);
  expect(parsed).not.toHaveProperty("faults");
  expect(parsed).toMatchObject({ election: { id: "spring-election" }, contests: [{ id: "board" }] });
});
