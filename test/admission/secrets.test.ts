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

  test.each(["", "{}", "[]", '{"pepper":"x","tokenKeys":["y"]}', '{"pepper":1,"tokenKeys":[]}'])(
    "%p is not a secrets file",
    (content) => {
      writeFileSync(file, content, { mode: 0o600 });
      chmodSync(file, 0o600);
      expect(() => readSecretsFile(file)).toThrow(/is not a secrets file/);
    },
  );
});

describe("the environment", () => {
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
