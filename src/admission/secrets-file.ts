/** Secrets in a file of mode 0600, `{"pepper":"…","tokenKeys":["…"]}`, or in the environment. */
import {
  closeSync,
  existsSync,
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
import { z } from "zod";
import {
  drawSecret,
  parsePepper,
  parseSecrets,
  parseTokenKeys,
  type Secrets,
  type SecretsText,
} from "./secrets.ts";

const SHAPE = z.strictObject({ pepper: z.string(), tokenKeys: z.array(z.string()).min(1) });
/** A gateway's file needs no pepper, and should have none. */
const GATEWAY_SHAPE = SHAPE.partial({ pepper: true });

/** Throws an Error that names the file and says what to do. */
export function readSecretsFile(file: string): SecretsText {
  return readPrivateFile(file, (value) => {
    const text = SHAPE.parse(value);
    parseSecrets(text);
    return text;
  });
}

function readPrivateFile<T>(file: string, parse: (value: unknown) => T): T {
  if (!existsSync(file)) {
    throw new Error(
      `there is no secrets file ${file}: make one with \`urna keys init --secrets-file ${file}\``,
    );
  }
  if ((statSync(file).mode & 0o077) !== 0) {
    throw new Error(`${file} can be read by others: chmod 600 ${file}`);
  }
  try {
    return parse(parseJson(readFileSync(file, "utf8")));
  } catch (error) {
    throw new Error(`${file} is not a secrets file: ${(error as Error).message}`);
  }
}

/** The parser's own message would quote what it found, which may be a secret. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("it is not JSON");
  }
}

/** Replaces the file as a whole and for good, so that no moment, and no power loss, leaves half of it or none. */
export function writeSecretsFile(file: string, text: SecretsText): void {
  renameSync(writeFresh(file, text), file);
  syncFolder(file);
}

/** Makes the file and its folder; throws EEXIST when there is one, for overwriting a pepper is losing it. */
export function createSecretsFile(file: string, text: SecretsText): void {
  mkdirSync(dirname(file), { recursive: true });
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
  writeFileSync(fresh, `${JSON.stringify(text, null, 2)}\n`, { mode: 0o600, flush: true });
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
  return { pepper: parsePepper(pepper), tokenKeys: loadTokenKeys(undefined, environment) };
}

/** The token keys alone: all that a gateway needs, and all that it should be handed. */
export function loadTokenKeys(file: string | undefined, environment = process.env): Secrets["tokenKeys"] {
  if (file !== undefined) {
    return readPrivateFile(file, (value) => parseTokenKeys(GATEWAY_SHAPE.parse(value).tokenKeys));
  }
  const { URNA_TOKEN_KEYS: tokenKeys } = environment;
  if (tokenKeys === undefined) throw new Error(`no token keys: ${WHERE_SECRETS_ARE}, or set URNA_TOKEN_KEYS`);
  return parseTokenKeys(tokenKeys.split(","));
}

const WHERE_SECRETS_ARE = "name a secrets file with --secrets-file (URNA_SECRETS_FILE)";
