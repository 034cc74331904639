/** The house's mechanical rules: who may import whom, where SQL and Bun-only APIs live, what a file looks like. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const ROOT = join(import.meta.dir, "../..");

/** Files that git knows or would add, by their path. */
const FILES = new Map(
  Bun.spawnSync(["git", "ls-files", "--cached", "--others", "--exclude-standard"], { cwd: ROOT })
    .stdout.toString()
    .split("\n")
    .filter((path) => path !== "" && Bun.file(join(ROOT, path)).size > 0)
    .map((path) => [path, readFileSync(join(ROOT, path), "utf8")] as const),
);

const sources = (pattern: RegExp) => [...FILES].filter(([path]) => pattern.test(path));
const SOURCE = /^src\/.*\.tsx?$/;
const CODE = /^(src|test|bench|scripts)\/.*\.tsx?$/;

/** What each folder of src may import; a folder may always import itself. */
const MAY_IMPORT: Record<string, string[]> = {
  "main.ts": ["cli"],
  "index.ts": ["admission"],
  cli: ["admission", "auditing", "client", "election", "postgres", "recording", "roles", "runtime"],
  roles: [
    ...["admission", "auditing", "casting", "contests", "contract", "embedded", "http", "postgres"],
    ...["recording", "results", "runtime", "web"],
  ],
  postgres: ["auditing", "contests", "election", "ledger", "recording", "results", "runtime"],
  contract: ["contests", "http", "runtime"],
  casting: ["admission", "contests", "election", "http", "ledger", "recording", "runtime"],
  contests: ["admission", "election", "http", "runtime"],
  results: ["election", "http", "ledger", "runtime"],
  auditing: ["election", "http", "ledger", "runtime"],
  admission: ["http", "ledger"],
  recording: ["election"],
  web: ["election", "http"],
  client: ["election"],
  http: ["runtime"],
  ledger: ["election"],
  election: [],
  embedded: [],
  runtime: [],
};

function imports(path: string, text: string): string[] {
  return [...text.matchAll(/from "(\.[^"]+)"/g)].map(([, target]) => normalize(join(dirname(path), target!)));
}

const folderOf = (path: string) => path.split("/")[1]!;

describe("imports", () => {
  test("go one way: each folder imports only those below it", () => {
    const wrong = sources(SOURCE).flatMap(([path, text]) =>
      imports(path, text)
        .filter((target) => folderOf(target) !== folderOf(path))
        .filter((target) => !(MAY_IMPORT[folderOf(path)] ?? []).includes(folderOf(target)))
        .map((target) => `${path} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test("never go in a circle", () => {
    const below = (folder: string, seen: string[]): string[] =>
      (MAY_IMPORT[folder] ?? []).flatMap((next) =>
        seen.includes(next) ? [[...seen, next].join(" → ")] : below(next, [...seen, next]),
      );
    expect(Object.keys(MAY_IMPORT).flatMap((folder) => below(folder, [folder]))).toEqual([]);
  });
});

test("SQL lives in src/postgres, and in the embedded cluster's own statements", () => {
  const sql = /\b(SELECT [\w(]|INSERT INTO|UPDATE \w+ SET|DELETE FROM|CREATE TABLE|ALTER TABLE|LOCK TABLE)/;
  const elsewhere = sources(SOURCE)
    .filter(([path]) => !/^src\/(postgres\/|embedded\/statements\.ts)/.test(path))
    .filter(([, text]) => sql.test(text));
  expect(elsewhere.map(([path]) => path)).toEqual([]);
});

test("Bun-only APIs stay in few files, so that a role could move", () => {
  const allowed = [
    ...["src/cli/recount-table.ts", "src/cli/results-table.ts", "src/client/connection.ts"],
    ...["src/embedded/folder-lock.ts", "src/http/server.ts", "src/web/bundle.ts"],
  ];
  const users = sources(SOURCE).filter(([, text]) => /\bBun\.|from "bun/.test(text));
  expect(users.map(([path]) => path).sort()).toEqual(allowed);
});

describe("files", () => {
  test("of the product have at most 300 lines", () => {
    const long = sources(SOURCE).filter(([, text]) => text.split("\n").length > 301);
    expect(long.map(([path]) => path)).toEqual([]);
  });

  test("of the product say their subject in the first line", () => {
    const mute = sources(SOURCE).filter(([, text]) => !/^(#!.*\n)?\/\*\*/.test(text));
    expect(mute.map(([path]) => path)).toEqual([]);
  });

  test("of tests mirror a folder of the product", () => {
    const mirrored = Object.keys(MAY_IMPORT).map((name) => name.replace(/\.ts$/, ".test.ts"));
    const folders = new Set([...mirrored, "house", "support", "system"]);
    const strays = sources(/^test\//).filter(([path]) => !folders.has(path.split("/")[1]!));
    expect(strays.map(([path]) => path)).toEqual([]);
  });
});

test("no test is left out or singled out", () => {
  const left = sources(/^test\/.*\.ts$/).filter(([, text]) =>
    /\b(test|it|describe)\.(only|skip|todo)\(/.test(text),
  );
  expect(left.map(([path]) => path)).toEqual([]);
});

test("what is installed is pinned, and the lock file names no host", () => {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(FILES.get("package.json")!);
  const versions = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies });
  expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(String(version)))).toEqual([]);
  expect(FILES.get("package-lock.json")).not.toContain('"resolved"');
});

test("migrations are numbered without a gap", () => {
  const numbers = sources(/^src\/postgres\/migrations\//).map(([path]) =>
    Number(path.split("/").at(-1)!.slice(0, 4)),
  );
  expect(numbers.sort()).toEqual(numbers.map((_, i) => i + 1));
});

test("every test that the invariants name exists", () => {
  const cited = [...FILES.get("docs/invariants.md")!.matchAll(/`(test\/[\w./-]+\.ts)`(?:: “([^”]+)”)?/g)];
  expect(cited.length).toBeGreaterThan(20);
  const missing = cited.filter(([, path, name]) => {
    const text = FILES.get(path!);
    return text === undefined || (name !== undefined && !text.includes(name));
  });
  expect(missing.map(([citation]) => citation)).toEqual([]);
});

test("links between documents lead somewhere", () => {
  const broken = sources(/\.md$/).flatMap(([path, text]) =>
    [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
      .map(([, target]) => target!)
      .filter((target) => !/^[a-z]+:/.test(target))
      .filter((target) => {
        const file = normalize(join(dirname(path), target)).replace(/\/$/, "");
        return ![...FILES.keys()].some((known) => known === file || known.startsWith(`${file}/`));
      })
      .map((target) => `${path}: ${target}`),
  );
  expect(broken).toEqual([]);
});

test("code and documents speak of the project alone", () => {
  const foreign = sources(/./)
    .filter(([path]) => CODE.test(path) || /\.(md|json|ya?ml)$/.test(path))
    .filter(([, text]) => /\/work\/(main|shared|wt-)|registry\.npmjs|\bblueprint\b/.test(text))
    .filter(([path]) => path !== "test/house/house.test.ts");
  expect(foreign.map(([path]) => path)).toEqual([]);
});
