/** Secrets in a file of mode 0600, `{"pepper":"…","tokenKeys":["…"]}`, or in the environment. */
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { cannot } from "../runtime/file-fault.ts";
import {
  drawSecret,
  parsePepper,
  parseSecrets,
  parseTokenKeys,
  type Secrets,
  type SecretsText,
} from "./secrets.ts";

/** Throws an Error that names the file and says what to do; it never quotes what is in it. */
export function readSecretsFile(file: string): SecretsText {
  return readPrivateFile(file, (value) => {
    const { pepper, tokenKeys } = fieldsOf(value);
    if (pepper === undefined) throw new Error("it has no pepper");
    const text = { pepper, tokenKeys };
    parseSecrets(text);
    return text;
  });
}

function readPrivateFile<T>(file: string, parse: (value: unknown) => T): T {
  const text = readPrivateText(file);
  try {
    return parse(parseJson(text));
  } catch (error) {
    throw new Error(
      `${file} is not a secrets file: ${(error as Error).message}. If it was one, restore it from its backup; ` +
        "with a new pepper every voter would have a second vote (docs/operations/secrets.md)",
    );
  }
}

function readPrivateText(file: string): string {
  try {
    const { mode } = statSync(file);
    const text = readFileSync(file, "utf8");
    if ((mode & 0o077) === 0) return text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw cannot("read", file, error);
    throw new Error(
      `there is no secrets file ${file}: make one with \`urna keys init --secrets-file ${file}\``,
    );
  }
  throw new Error(`${file} can be read by others: if it is a secrets file, chmod 600 ${file}`);
}

/** The parser's own message would quote what it found, which may be a secret. */
function parseJson(text: string): unknown {
  if (text.trim() === "") throw new Error("it is empty");
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("it is not JSON");
  }
}

/** A gateway's file needs no pepper, and should have none. Fields are not named: a slip makes a name of a secret. */
function fieldsOf(value: unknown): { pepper?: string; tokenKeys: string[] } {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error('it is not an object like {"pepper":"…","tokenKeys":["…"]}');
  }
  const { pepper, tokenKeys, ...others } = value as Record<string, unknown>;
  if (Object.keys(others).length > 0) throw new Error("it has a field besides pepper and tokenKeys");
  if (pepper !== undefined && typeof pepper !== "string") throw new Error("its pepper is not text");
  if (tokenKeys === undefined) throw new Error("it has no tokenKeys");
  if (!Array.isArray(tokenKeys)) throw new Error("its tokenKeys are not a list");
  const odd = tokenKeys.findIndex((key) => typeof key !== "string");
  if (odd !== -1) throw new Error(`its token key ${odd + 1} is not text`);
  return { ...(pepper === undefined ? {} : { pepper }), tokenKeys };
}

/** Replaces the file as a whole and for good, so that no moment, and no power loss, leaves half of it or none. */
export function writeSecretsFile(file: string, text: SecretsText): void {
  renameSync(writeFresh(file, text), file);
  syncFolder(file);
}

/** Makes the file and its folder; throws EEXIST when there is one, for overwriting a pepper is losing it. */
export function createSecretsFile(file: string, text: SecretsText): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
  } catch (error) {
    const fileInItsWay = (error as NodeJS.ErrnoException).code === "EEXIST";
    throw cannot("write", file, fileInItsWay ? { code: "ENOTDIR" } : error);
  }
  const fresh = writeFresh(file, text);
  try {
    linkSync(fresh, file);
  } finally {
    rmSync(fresh);
  }
  syncFolder(file);
}

function writeFresh(file: string, text: SecretsText): string {
  parseSecrets(text);
  const fresh = `${file}.new`;
  try {
    writeFileSync(fresh, `${JSON.stringify(text, null, 2)}\n`, { mode: 0o600, flush: true });
  } catch (error) {
    throw cannot("write", fresh, error);
  }
  return fresh;
}

function syncFolder(file: string): void {
  const descriptor = openSync(dirname(file), "r");
  fsyncSync(descriptor);
  closeSync(descriptor);
}

export function drawSecrets(): SecretsText {
  return { pepper: drawSecret(), tokenKeys: [drawSecret()] };
}

/** From the file if one is named, otherwise URNA_PEPPER and URNA_TOKEN_KEYS (several: separated by commas). */
export function loadSecrets(file: string | undefined, environment = process.env): Secrets {
  if (file !== undefined) return parseSecrets(readSecretsFile(file));
  const { URNA_PEPPER: pepper } = environment;
  if (pepper === undefined) throw new Error(`no pepper: ${WHERE_SECRETS_ARE}, or set URNA_PEPPER`);
  const parsed = fromVariable("URNA_PEPPER", () => parsePepper(pepper));
  return { pepper: parsed, tokenKeys: loadTokenKeys(undefined, environment) };
}

/** The token keys alone: all that a gateway needs, and all that it should be handed. */
export function loadTokenKeys(file: string | undefined, environment = process.env): Secrets["tokenKeys"] {
  if (file !== undefined) {
    return readPrivateFile(file, (value) => parseTokenKeys(fieldsOf(value).tokenKeys));
  }
  const { URNA_TOKEN_KEYS: tokenKeys } = environment;
  if (tokenKeys === undefined) throw new Error(`no token keys: ${WHERE_SECRETS_ARE}, or set URNA_TOKEN_KEYS`);
  return fromVariable("URNA_TOKEN_KEYS", () => parseTokenKeys(tokenKeys.split(",")));
}

function fromVariable<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message}`);
  }
}

const WHERE_SECRETS_ARE = "name a secrets file with --secrets-file (URNA_SECRETS_FILE)";
