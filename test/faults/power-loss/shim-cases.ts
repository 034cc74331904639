/** The fault itself: what was flushed stays, what was not is gone, whichever call wrote it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../../support/eventually.ts";
import { compile } from "./compiler.ts";
import * as powerLoss from "./power-loss.ts";

const root = realpathSync(mkdtempSync(join(tmpdir(), "urna-power-loss-")));
const program = join(root, "file-operations");
let folders = 0;

beforeAll(() => compile("file-operations.c", program, "program"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A folder with two files, `old` and `source`, all durable, and a program that changes them under the shim. */
function volatileFolder(content = "before") {
  const folder = join(root, `folder-${++folders}`);
  mkdirSync(folder);
  const path = (name: string) => join(folder, name);
  writeFileSync(path("old"), content);
  writeFileSync(path("source"), "ABC");
  const env = powerLoss.environment(folder, 0);
  /** One process; `@name` is a file of the folder. */
  const run = (...operations: string[]) => {
    const args = operations
      .flatMap((words) => words.split(" "))
      .map((word) => word.replace("@", `${folder}/`));
    execFileSync(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  };
  const read = (name: string) => (existsSync(path(name)) ? readFileSync(path(name), "utf8") : undefined);
  const fail = (survival: Parameters<typeof powerLoss.fail>[1] = "none") => powerLoss.fail(folder, survival);
  return { folder, path, env, run, read, fail };
}

/** Each changes `old`, in one way, and says what it then is. */
const CHANGES: [operations: string[], result: string][] = [
  [["open @old readwrite", "write After!"], "After!"],
  [["open @old readwrite", "write longer-than-it-was"], "longer-than-it-was"],
  [["open @old writeonly", "write After!"], "After!"],
  [["open @old append", "write +more"], "before+more"],
  [["open @old append", "write +1", "write +2"], "before+1+2"],
  [["open @old readwrite", "pwrite 2 XY"], "beXYre"],
  [["open @old readwrite", "pwrite 9 far"], "before\0\0\0far"],
  [["open @old readwrite", "writev After!"], "After!"],
  [["open @old readwrite", "pwritev 3 ABC"], "befABC"],
  [["open @old readwrite", "copy_file_range @source 3"], "befABC"],
  [["open @old readwrite", "ftruncate 2"], "be"],
  [["open @old readwrite", "ftruncate 8"], "before\0\0"],
  [["open @old readwrite", "ftruncate 0", "write new"], "new"],
  [["truncate @old 3", "open @old readwrite"], "bef"],
  [["open @old readwrite", "posix_fallocate 7"], "before\0"],
  [["open @old empty"], ""],
  [["open @old create,empty", "write new"], "new"],
  [["stream @old w new-and-longer", "open @old readwrite"], "new-and-longer"],
  [["stream @old a +more", "open @old readwrite"], "before+more"],
  [["stream @old r+ BE", "open @old readwrite"], "BEfore"],
];

for (const [operations, result] of CHANGES) {
  test(`${operations.join(", ")}: gone without a flush, there with one`, () => {
    const unflushed = volatileFolder();
    unflushed.run(...operations, "sync_file_range");
    expect(unflushed.read("old")).toBe(result);
    expect(unflushed.fail()).toMatchObject({ files: 1 });
    expect(unflushed.read("old")).toBe("before");

    for (const flush of ["fsync", "fdatasync"]) {
      const flushed = volatileFolder();
      flushed.run(...operations, flush);
      expect(flushed.fail()).toEqual({ files: 0, entries: 0 });
      expect(flushed.read("old")).toBe(result);
    }
  });
}

test("what another process wrote is flushed too, and what anybody wrote after the flush is gone", () => {
  const { run, read, fail } = volatileFolder();
  run("open @old readwrite", "write one");
  run("open @old readwrite", "pwrite 3 TWO", "fsync", "pwrite 0 lost");
  run("open @old append", "write lost");
  expect(read("old")).toBe("lostWOlost");
  fail();
  expect(read("old")).toBe("oneTWO");
});

test("what is written while a flush is under way is not flushed by it", async () => {
  const { folder, path, run, read, fail } = volatileFolder();
  const env = powerLoss.environment(folder, 1000);
  const flushing = spawn(program, ["open", path("old"), "readwrite", "write", "one", "fsync"], { env });
  const exit = once(flushing, "exit");
  await eventually(
    "it sleeps in the flush",
    () => stateOf(flushing.pid!) === "S" && read("old") === "oneore",
  );
  run("open @old readwrite", "pwrite 3 TWO");
  expect(flushing.exitCode).toBeNull();
  expect(await exit).toEqual([0, null]);
  fail();
  expect(read("old")).toBe("oneore");
});

const stateOf = (pid: number) => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]![0];

test("once the power is cut, no flush succeeds any more", async () => {
  const { folder, path, env, read, fail } = volatileFolder();
  powerLoss.cut(folder);
  const flushing = spawn(program, ["open", path("old"), "readwrite", "write", "After!", "fsync"], { env });
  const exit = once(flushing, "exit");
  await eventually("it waits in the flush", () => stateOf(flushing.pid!) === "S" && read("old") === "After!");
  flushing.kill("SIGKILL");
  expect(await exit).toEqual([null, "SIGKILL"]);
  fail();
  expect(read("old")).toBe("before");
});

test("a flush of one file says nothing of another", () => {
  const { path, run, read, fail } = volatileFolder();
  writeFileSync(path("other"), "before");
  run("open @old readwrite", "write After!", "open @other readwrite", "write After!", "fsync");
  fail();
  expect([read("old"), read("other")]).toEqual(["before", "After!"]);
});

test("a file opened for synchronous writes is durable as it is written", () => {
  const { run, read, fail } = volatileFolder();
  run("open @old dsync", "write After!");
  fail();
  expect(read("old")).toBe("After!");
});

test("power fails a second time: what had survived the first is durable", () => {
  const { run, read, fail } = volatileFolder();
  run("open @old readwrite", "write One", "fsync", "write lost");
  fail();
  run("open @old readwrite", "write Two");
  fail();
  expect(read("old")).toBe("Oneore");
});

test("a new file is gone unless it, or its folder, was flushed", () => {
  const { run, read, fail } = volatileFolder();
  run("open @lost create", "write x");
  fail();
  run("open @itself create", "write x", "fsync");
  fail();
  run("open @folder create", "write x", "fsync_folder @");
  fail();
  expect([read("lost"), read("itself"), read("folder")]).toEqual([undefined, "x", ""]);
});

test("a renamed file has its old name back unless the folder was flushed", () => {
  const { path, run, read, fail } = volatileFolder();
  run("rename @old @new");
  fail();
  expect([read("old"), read("new")]).toEqual(["before", undefined]);
  run("open @old readwrite", "write After!", "rename @old @new", "fsync");
  fail();
  expect([read("old"), read("new")]).toEqual(["After!", undefined]);
  writeFileSync(path("new"), "replaced");
  run("rename @old @new");
  fail();
  expect([read("old"), read("new")]).toEqual(["After!", "replaced"]);
  run("rename @old @new", "fsync_folder @");
  fail();
  expect([read("old"), read("new")]).toEqual([undefined, "After!"]);
});

test("a file that was replaced or removed comes back as it was flushed last", () => {
  const { run, read, fail } = volatileFolder();
  run("open @old readwrite", "write flushed", "fsync", "write lost", "truncate @old 0", "unlink @old");
  fail();
  expect(read("old")).toBe("flushed");
  run("open @new create", "write new", "fsync", "rename @new @old", "unlink @old");
  fail();
  expect([read("old"), read("new")]).toEqual(["flushed", "new"]);
  run("unlink @old", "fsync_folder @");
  fail();
  expect(read("old")).toBeUndefined();
});

test("a new file with the inode of one that somebody else removed has nothing of that one", () => {
  const { path, run, read, fail } = volatileFolder();
  run("open @first create", "open @old readwrite", "write After!");
  rmSync(path("old"));
  run("open @new create", "fsync_folder @"); // takes that inode, on ext4
  fail();
  expect(read("new")).toBe("");
});

test("a folder made or removed without a flush is not, with what is in it", () => {
  const { path, run, fail } = volatileFolder();
  run("mkdir @made", "open @made/file create", "write x");
  fail();
  expect(existsSync(path("made"))).toBe(false);
  run("mkdir @made", "open @made/file create", "write x", "fsync", "fsync_folder @");
  run("unlink @made/file", "rmdir @made");
  fail();
  expect(readFileSync(path("made/file"), "utf8")).toBe("x");
});

test("at random, each sector is in one of the states that it went through, and the seed says in which", () => {
  const sectors = 64;
  const outcome = (seed: number) => {
    const { run, read, fail } = volatileFolder("0".repeat(sectors * 512));
    for (const digit of ["1", "2"]) run("open @old readwrite", `write ${digit.repeat(sectors * 512)}`);
    fail({ seed, sectorBytes: 512 });
    return read("old")!;
  };
  const first = outcome(1);
  expect(first.length).toBe(sectors * 512);
  const states = Array.from({ length: sectors }, (_, i) => first.slice(i * 512, (i + 1) * 512));
  expect(states.filter((state) => new Set(state).size !== 1)).toEqual([]);
  expect([...new Set(states.map((state) => state[0]))].sort()).toEqual(["0", "1", "2"]);
  expect(outcome(1)).toBe(first);
  expect(outcome(2)).not.toBe(first);
});

test("what could not be taken back ends the program rather than passing for durable", () => {
  const { env, path } = volatileFolder();
  for (const [operation, why] of [
    ["mmap", "a file is mapped for writing"],
    [`link ${path("old")} ${path("other")}`, "a second link to a file"],
    [`rename ${path("old")} ${root}/elsewhere`, "something is moved in or out of the folder"],
  ] as const) {
    const args = ["open", path("old"), "readwrite", ...operation.split(" ")];
    const { signal, stderr } = spawnSync(program, args, { env, encoding: "utf8" });
    expect([signal, stderr]).toEqual(["SIGABRT", expect.stringContaining(why)]);
  }
});

test("power does not fail where the shim was not loaded", () => {
  const { path, fail } = volatileFolder();
  execFileSync(program, ["open", path("old"), "readwrite", "write", "After!"]);
  expect(() => fail()).toThrow("the shim was not loaded");
});
