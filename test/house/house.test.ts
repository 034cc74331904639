/** The house's mechanical rules: who may import whom, where SQL and Bun-only APIs live, what a file looks like. */
import { describe, expect, test } from "bun:test";
import { dirname, join, normalize } from "node:path";
import { MAY_IMPORT } from "./directions.ts";
import { FILES, sources } from "./files.ts";

const SOURCE = /^src\/.*\.tsx?$/;
const TEST = /^test\/.*\.ts$/;
const CODE = /^(src|test|bench|scripts)\/.*\.tsx?$/;

function imports(path: string, text: string): string[] {
  return [...text.matchAll(/(?:from|import|import\() ?"(\.[^"]+)"/g)].map(([, target]) =>
    normalize(join(dirname(path), target!)),
  );
}

const folderOf = (path: string) => path.split("/")[1]!;

describe("imports", () => {
  test("go one way: each folder imports only those below it", () => {
    const wrong = sources(SOURCE).flatMap(([path, text]) =>
      imports(path, text)
        // Where the version is said, once.
        .filter((target) => target !== "package.json")
        .filter((target) => folderOf(target) !== folderOf(path))
        .filter((target) => !(MAY_IMPORT[folderOf(path)] ?? []).includes(folderOf(target)))
        .map((target) => `${path} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test("take every direction that the table allows", () => {
    const taken = new Set(
      sources(SOURCE).flatMap(([path, text]) =>
        imports(path, text).map((target) => `${folderOf(path)} → ${folderOf(target)}`),
      ),
    );
    const allowed = Object.entries(MAY_IMPORT).flatMap(([from, to]) => to.map((each) => `${from} → ${each}`));
    expect(allowed.filter((direction) => !taken.has(direction))).toEqual([]);
  });

  test("never go in a circle", () => {
    const below = (folder: string, seen: string[]): string[] =>
      (MAY_IMPORT[folder] ?? []).flatMap((next) =>
        seen.includes(next) ? [[...seen, next].join(" → ")] : below(next, [...seen, next]),
      );
    expect(Object.keys(MAY_IMPORT).flatMap((folder) => below(folder, [folder]))).toEqual([]);
  });
});

test("the election's rules and the ledger's formats touch nothing outside of them", () => {
  const allowed = /^(\.\.?\/|node:crypto$)/;
  const wrong = sources(/^src\/(election|ledger)\//).flatMap(([path, text]) =>
    [...text.matchAll(/(?:from|import|import\() ?"([^"]+)"/g)]
      .filter(([, target]) => !allowed.test(target!))
      .map(([, target]) => `${path} imports ${target}`),
  );
  expect(wrong).toEqual([]);
});

test("what runs in a browser imports pages' code, and otherwise types of the election alone", () => {
  const inBrowser = new Set(sources(/^src\/web\/\w+-page\.tsx$/).map(([path]) => path));
  expect(inBrowser.size).toBe(3);
  const wrong: string[] = [];
  for (const path of inBrowser) {
    for (const [, words, target] of FILES.get(path)!.matchAll(/^import ([^"]*)"([^"]+)";?$/gms)) {
      const file = normalize(join(dirname(path), target!));
      if (target!.startsWith("./")) inBrowser.add(file);
      else if (/^(preact|uplot)(\/|$)/.test(target!)) continue;
      else if (!(folderOf(file) === "election" && words!.startsWith("type ")))
        wrong.push(`${path}: ${target}`);
    }
  }
  expect(inBrowser.size).toBeGreaterThan(20);
  expect(wrong).toEqual([]);
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
    ...["src/admission/hmac.ts", "src/cli/recount-table.ts", "src/cli/results-table.ts"],
    ...["src/client/connection.ts", "src/embedded/folder-lock.ts", "src/http/server.ts", "src/web/bundle.ts"],
  ];
  const users = sources(SOURCE).filter(([, text]) => /\bBun\.|from "bun/.test(text));
  expect(users.map(([path]) => path).sort()).toEqual(allowed);
});

const FUNCTION =
  /^(\s*)(?!(?:if|for|while|switch|return|await|catch|try|expect|test|describe)\b)(?:export )?(?:(?:private|static|override|get|set) )*(?:async )?(?:function\*? (\w+)|const (\w+) = (?:async )?(?=.*=>)|\*?([#\w]+)\(|(\[Symbol\.\w+\])\().*[{(]$/;

/** By the formatter's indentation: a function ends where the next line as far out as its first begins with a brace. */
function functionLengths(text: string): { name: string; lines: number }[] {
  const lines = text.split("\n");
  return lines.flatMap((line, from) => {
    const found = FUNCTION.exec(line);
    if (found === null) return [];
    const [, indent, ...names] = found;
    const length = lines.slice(from + 1).findIndex((each) => each.startsWith(`${indent}}`));
    return length === -1 ? [] : [{ name: names.find((name) => name !== undefined)!, lines: length + 2 }];
  });
}

describe("files", () => {
  test("of the product have at most 300 lines", () => {
    const long = sources(SOURCE).filter(([, text]) => text.split("\n").length > 301);
    expect(long.map(([path]) => path)).toEqual([]);
  });

  test("of the product say their subject in the first line", () => {
    const mute = sources(SOURCE).filter(([, text]) => !/^(#!.*\n)?\/\*\*/.test(text));
    expect(mute.map(([path]) => path)).toEqual([]);
  });

  test("of the product have functions of at most 60 lines", () => {
    const long = sources(/^(src|bench|scripts)\/.*\.tsx?$/).flatMap(([path, text]) =>
      functionLengths(text)
        .filter(({ lines }) => lines > 60)
        .map(({ name, lines }) => `${path}: ${name} has ${lines}`),
    );
    expect(long).toEqual([]);
    const counted = sources(SOURCE).flatMap(([, text]) => functionLengths(text));
    expect(counted.length).toBeGreaterThan(500);
  });

  test("of tests mirror a folder of the product", () => {
    const mirrored = Object.keys(MAY_IMPORT).map((name) => name.replace(/\.ts$/, ".test.ts"));
    const others = ["faults", "house", "mutations", "properties", "support", "system"];
    const folders = new Set([...mirrored, ...others]);
    const strays = sources(/^test\//).filter(([path]) => !folders.has(path.split("/")[1]!));
    expect(strays.map(([path]) => path)).toEqual([]);
  });
});

test("there is one way to say private, and one word for waiting", () => {
  const other = /^ +(?:readonly |async |static )*#\w|\w\.#\w|setTimeout as (?!pause\b)/m;
  const strays = sources(CODE).filter(
    ([path, text]) => path !== "test/house/house.test.ts" && other.test(text),
  );
  expect(strays.map(([path]) => path)).toEqual([]);
});

test("no test is left out or singled out", () => {
  const left = sources(/^test\/.*\.ts$/).filter(([, text]) =>
    /\b(test|it|describe)\.(only|skip|todo)\(/.test(text),
  );
  expect(left.map(([path]) => path)).toEqual([]);
});

/** Where a test waits for time itself: for a clock to pass, or to see that nothing happens, which has no event. */
const SLEEPS: Record<string, number> = {
  "test/casting/bodies.test.ts": 1,
  "test/casting/contest-states.test.ts": 4,
  "test/casting/tokens.test.ts": 1,
  "test/client/cast.test.ts": 1,
  "test/client/connection.test.ts": 2,
  "test/client/load-generator.test.ts": 1,
  "test/contests/directory.test.ts": 1,
  "test/embedded/synchronous.test.ts": 1,
  "test/faults/fault.ts": 1,
  "test/faults/judge/crowd.ts": 1,
  "test/faults/judge/evidence.ts": 1,
  "test/faults/judge/voters.ts": 3,
  "test/support/eventually.ts": 1,
};

test("no test sleeps where something can be waited for", () => {
  const sleep =
    /await (?:Bun\.sleep|delay|pause|sleep)\(|await new Promise\(\(?(\w+)\)? => setTimeout\(\1\b/g;
  const found = sources(TEST)
    .map(([path, text]) => [path, [...text.matchAll(sleep)].length] as const)
    .filter(([path, count]) => count > 0 && path !== "test/house/house.test.ts");
  expect(Object.fromEntries(found)).toEqual(SLEEPS);
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
  expect(numbers.sort((a, b) => a - b)).toEqual(numbers.map((_, i) => i + 1));
});

/** What PostgreSQL and Kafka call things. */
const NAMES_OF_OTHERS = /wal_level: "replica"|min\.insync\.replicas/g;

test("the glossary's words are the code's, and those it excludes are not", () => {
  const glossary = FILES.get("GLOSSARY.md")!;
  const code = sources(SOURCE);
  const words = [...glossary.matchAll(/\*\*([^*]+)\*\*/g)].map(([, word]) => word!);
  expect(words.length).toBeGreaterThan(50);
  const inCode = (word: string) => {
    const spelled = new RegExp(`(?<![a-z])${word.replace(" ", "[- ]?")}`, "i");
    return code.some(([, text]) => spelled.test(text));
  };
  expect(words.filter((word) => !inCode(word))).toEqual([]);
  const [, listed] = /does not use: ([^.]+)/.exec(glossary)!;
  const excluded = listed!.replaceAll(/\([^)]+\)/g, "").match(/[a-z]+/g)!;
  expect(excluded.length).toBeGreaterThan(4);
  const strays = code.flatMap(([path, text]) =>
    excluded
      .filter((word) => new RegExp(`\\b${word}s?\\b`, "i").test(text.replace(NAMES_OF_OTHERS, "")))
      .map((word) => `${path}: ${word}`),
  );
  expect(strays).toEqual([]);
});

test("code and documents name no place of one machine, and no package registry", () => {
  const place = /(?<![\w.:*])\/(?:home|Users|root|work|workspace|mnt|build)\/[\w-]|registry\.\w+\.\w+/;
  const foreign = sources(/\.(md|json|ya?ml|sql|css|html)$|^\.ci\//)
    .concat(sources(CODE))
    .filter(([path]) => path !== "package-lock.json")
    .filter(([, text]) => place.test(text));
  expect(foreign.map(([path]) => path)).toEqual([]);
});
