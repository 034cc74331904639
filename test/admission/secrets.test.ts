/** Secrets as they are kept: what is refused, and with which words. */
import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  drawSecret,
  electionPepper,
  parseSecrets,
  pepperFingerprint,
  voterKeyOf,
} from "../../src/admission/secrets.ts";
import {
  drawSecrets,
  loadSecrets,
  readSecretsFile,
  writeSecretsFile,
} from "../../src/admission/secrets-file.ts";

const folder = mkdtempSync(join(tmpdir(), "urna-secrets-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, "secrets.json");

function messageOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("it did not fail");
}

describe("the text form", () => {
  const good = drawSecrets();
  test.each([
    ["an empty pepper", { ...good, pepper: "" }, /pepper/],
    ["a short pepper", { ...good, pepper: good.pepper.slice(0, 42) }, /pepper/],
    ["a long pepper", { ...good, pepper: `${good.pepper}A` }, /pepper/],
    ["a pepper in base64", { ...good, pepper: `${"+/".repeat(21)}8` }, /pepper/],
    ["no token key", { ...good, tokenKeys: [] }, /no token key/],
    ["a bad second token key", { ...good, tokenKeys: [...good.tokenKeys, "x"] }, /token key 2/],
    [
      "the same token key twice",
      { ...good, tokenKeys: [good.tokenKeys[0]!, good.tokenKeys[0]!] },
      /the same/,
    ],
  ])("%s is refused", (_, text, message) => {
    expect(() => parseSecrets(text)).toThrow(message);
  });

  test("no refusal tells the secret", () => {
    const pepper = good.pepper.slice(0, 42);
    expect(() => parseSecrets({ ...good, pepper })).toThrow(expect.not.stringContaining(pepper) as never);
  });
});

describe("derivations stay as they are: other values would give every voter a second key", () => {
  const pepper = Buffer.alloc(32, 1);
  const election = "00112233-4455-6677-8899-aabbccddeeff";
  test("election pepper, fingerprint and voter key of fixed inputs", () => {
    const own = electionPepper(pepper, election);
    expect({
      pepper: own.toString("hex"),
      fingerprint: pepperFingerprint(own).toString("hex"),
      voterKey: voterKeyOf(own, "ana@example.org"),
    }).toEqual({
      // Computed with Python's hmac and hashlib.
      pepper: "2e1a789d88ba2f2d82041bf004dd48a7b2ba98b384642594c9951980a561dd05",
      fingerprint: "c074bdea75fe86b16648355507d0f9cb",
      voterKey: "829737bc36133f84838b9cecaba13299",
    });
  });
});

describe("the file", () => {
  test("is written for its owner alone, whole, and read back", () => {
    const text = drawSecrets();
    writeSecretsFile(file, text);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(existsSync(`${file}.new`)).toBe(false);
    expect(readSecretsFile(file)).toEqual(text);
    expect(loadSecrets(file).pepper.toString("base64url")).toBe(text.pepper);
  });

  test("a missing one: what to do is said", () => {
    expect(() => readSecretsFile(join(folder, "none.json"))).toThrow(/urna keys init --secrets-file/);
  });

  test("one that others can read", () => {
    writeSecretsFile(file, drawSecrets());
    chmodSync(file, 0o640);
    expect(() => readSecretsFile(file)).toThrow(/chmod 600/);
  });

  const SECRET = drawSecret();
  const damaged: [string, unknown][] = [
    ["it is empty", "\n"],
    ["it is not JSON", `{"pepper":"${SECRET}","tokenKeys":["${SECRET}`],
    ["it is not an object like", [SECRET]],
    ["it has no pepper", { tokenKeys: [SECRET] }],
    ["its pepper is not text", { pepper: [SECRET], tokenKeys: [SECRET] }],
    ["the pepper is not 32 bytes of base64url", { pepper: `${SECRET}=`, tokenKeys: [SECRET] }],
    ["it has no tokenKeys", { pepper: SECRET }],
    ["its tokenKeys are not a list", { pepper: SECRET, tokenKeys: SECRET }],
    ["there is no token key", { pepper: SECRET, tokenKeys: [] }],
    ["its token key 2 is not text", { pepper: SECRET, tokenKeys: [SECRET, { [SECRET]: 1 }] }],
    ["token key 2 is not 32 bytes of base64url", { pepper: SECRET, tokenKeys: [SECRET, SECRET.slice(1)] }],
    ["it has a field besides pepper and tokenKeys", { pepper: SECRET, tokenKeys: [SECRET], [SECRET]: "" }],
  ];
  test.each(damaged)("%s: said with the file and the way out, and no secret with it", (words, content) => {
    writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content), { mode: 0o600 });
    chmodSync(file, 0o600);
    const told = messageOf(() => readSecretsFile(file));
    expect(told).toStartWith(`${file} is not a secrets file: ${words}`);
    expect(told).toContain("restore it from its backup");
    expect(told).not.toContain(SECRET.slice(1, 9));
    expect(told).not.toMatch(/Invalid|expected|\n/);
  });

  test("a folder in its place", () => {
    expect(messageOf(() => readSecretsFile(folder))).toBe(`cannot read ${folder}: it is a folder`);
  });
});

describe("the environment", () => {
  test("what is wrong is said with the variable's name", () => {
    const good = drawSecret();
    const load = (URNA_PEPPER: string, URNA_TOKEN_KEYS: string) =>
      messageOf(() => loadSecrets(undefined, { URNA_PEPPER, URNA_TOKEN_KEYS }));
    expect(load("short", good)).toBe("URNA_PEPPER: the pepper is not 32 bytes of base64url");
    expect(load(good, `${good},short`)).toBe("URNA_TOKEN_KEYS: token key 2 is not 32 bytes of base64url");
  });

  test("pepper and token keys, the first of which mints", () => {
    const keys = [drawSecret(), drawSecret()];
    const secrets = loadSecrets(undefined, { URNA_PEPPER: drawSecret(), URNA_TOKEN_KEYS: keys.join(",") });
    expect(secrets.tokenKeys.map(({ secret }) => secret.toString("base64url"))).toEqual(keys);
  });

  test.each([{}, { URNA_PEPPER: drawSecret() }, { URNA_TOKEN_KEYS: drawSecret() }])(
    "incomplete: what to set is said",
    (environment) => {
      expect(() => loadSecrets(undefined, environment)).toThrow(/URNA_SECRETS_FILE/);
    },
  );
});
