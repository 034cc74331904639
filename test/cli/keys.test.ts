/** `urna keys`: what it does to the secrets file, what it refuses, and that it prints no secret. */
import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadTokenKeys, readSecretsFile } from "../../src/admission/secrets-file.ts";
import { keysCommand } from "../../src/cli/keys.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "urna-keys-"));
  file = join(folder, "secrets.json");
});
afterEach(() => rmSync(folder, { recursive: true }));

type Shown = { file: string; pepper: string; tokenKeys: { id: string; mints: boolean }[] };

/** Runs `urna keys <given>`; throws as the command does. Whatever it prints holds none of the secrets. */
async function keys(...given: string[]): Promise<string> {
  const log = spyOn(console, "log").mockImplementation(() => undefined);
  try {
    await keysCommand().parseAsync([...given, "--secrets-file", file], { from: "user" });
    const printed = log.mock.calls.map(([line]) => line).join("\n");
    const { pepper, tokenKeys } = readSecretsFile(file);
    for (const secret of [pepper, ...tokenKeys]) {
      expect(printed).not.toContain(secret);
      expect(printed).not.toContain(Buffer.from(secret, "base64url").toString("hex").slice(0, 8));
    }
    return printed;
  } finally {
    log.mockRestore();
  }
}

const shown = async (...given: string[]) => JSON.parse(await keys(...given, "--json")) as Shown;

describe("init", () => {
  test("draws a pepper and a token key into a file of its owner's alone", async () => {
    const { pepper, tokenKeys } = await shown("init");
    expect(tokenKeys).toEqual([{ id: expect.stringMatching(/^[0-9a-f]{8}$/), mints: true }]);
    expect(pepper).toMatch(/^[0-9a-f]{16}$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await shown("show")).toEqual({ file, pepper, tokenKeys });
  });

  test("never overwrites", async () => {
    await keys("init");
    const before = readFileSync(file, "utf8");
    await expect(keys("init")).rejects.toThrow(/there already/);
    expect(readFileSync(file, "utf8")).toBe(before);
    expect(existsSync(`${file}.new`)).toBe(false);
  });

  test("into urna dev's data folder, made when it is missing", async () => {
    const log = spyOn(console, "log").mockImplementation(() => undefined);
    const data = join(folder, "data", "of-dev");
    await keysCommand().parseAsync(["init", "--data", data], { from: "user" });
    log.mockRestore();
    expect(readSecretsFile(join(data, "secrets.json")).tokenKeys).toHaveLength(1);
  });
});

describe("rotation", () => {
  test("add, promote, retire: the pepper stays, and one key mints at any time", async () => {
    const first = await shown("init");
    const [old] = first.tokenKeys;
    const added = await shown("add");
    const fresh = added.tokenKeys[1]!;
    expect(added.tokenKeys).toEqual([old!, { id: fresh.id, mints: false }]);
    const promoted = await shown("promote", fresh.id);
    expect(promoted.tokenKeys).toEqual([
      { id: fresh.id, mints: true },
      { id: old!.id, mints: false },
    ]);
    const retired = await shown("retire", old!.id);
    expect(retired.tokenKeys).toEqual([{ id: fresh.id, mints: true }]);
    for (const { pepper } of [added, promoted, retired]) expect(pepper).toBe(first.pepper);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("the last key, the minting one and one that is not there are not retired", async () => {
    const [last] = (await shown("init")).tokenKeys;
    await expect(keys("retire", last!.id)).rejects.toThrow(/last token key/);
    await keys("add");
    await expect(keys("retire", last!.id)).rejects.toThrow(/promote another first/);
    await expect(keys("retire", "00000000")).rejects.toThrow(new RegExp(`the ids are ${last!.id}, `));
    await expect(keys("promote", "00000000")).rejects.toThrow(/no token key 00000000/);
    expect((await shown("show")).tokenKeys).toHaveLength(2);
  });

  test("without a file: what to do is said", async () => {
    await expect(keys("add")).rejects.toThrow(/urna keys init/);
  });
});

test("for people: ids, and what each key does", async () => {
  const { pepper, tokenKeys } = await shown("init");
  expect(await keys("show")).toBe(
    `${file}\n  pepper     ${pepper}\n  token key  ${tokenKeys[0]!.id}  mints and verifies`,
  );
});

test("a gateway's file may hold the token keys alone, and is read no less strictly", async () => {
  await keys("init");
  const { tokenKeys } = readSecretsFile(file);
  const own = join(folder, "gateway.json");
  writeFileSync(own, JSON.stringify({ tokenKeys }), { mode: 0o600 });
  expect(loadTokenKeys(own).map(({ secret }) => secret.toString("base64url"))).toEqual(tokenKeys);
  writeFileSync(own, JSON.stringify({ tokenKeys: ["x"] }), { mode: 0o600 });
  expect(() => loadTokenKeys(own)).toThrow(/token key 1/);
  expect(() => readSecretsFile(own)).toThrow(/not a secrets file/);
});

test("a file that is no JSON is not quoted", () => {
  writeFileSync(file, "averysecretword", { mode: 0o600 });
  expect(() => readSecretsFile(file)).toThrow(`${file} is not a secrets file: it is not JSON. `);
});
