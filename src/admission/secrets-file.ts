/** Secrets in a file of mode 0600, `{"pepper":"…","tokenKeys":["…"]}`, or in the environment. */
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
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

/** Throws an Error that names the file and says what to do. */
export function readSecretsFile(file: string): SecretsText {
  if (!existsSync(file)) {
    throw new Error(
      `there is no secrets file ${file}: make one with \`urna keys init --secrets-file ${file}\``,
    );
  }
  if ((statSync(file).mode & 0o077) !== 0) {
    throw new Error(`${file} can be read by others: chmod 600 ${file}`);
  }
  try {
    const text = SHAPE.parse(JSON.parse(readFileSync(file, "utf8")));
    parseSecrets(text);
    return text;
  } catch (error) {
    throw new Error(`${file} is not a secrets file: ${(error as Error).message}`, { cause: error });
  }
}

/** Replaces the file as a whole, so that no moment leaves half of it. */
export function writeSecretsFile(file: string, text: SecretsText): void {
  parseSecrets(text);
  const fresh = `${file}.new`;
  writeFileSync(fresh, `${JSON.stringify(text, null, 2)}\n`, { mode: 0o600, flush: true });
  renameSync(fresh, file);
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
  if (file !== undefined) return parseSecrets(readSecretsFile(file)).tokenKeys;
  const { URNA_TOKEN_KEYS: tokenKeys } = environment;
  if (tokenKeys === undefined) throw new Error(`no token keys: ${WHERE_SECRETS_ARE}, or set URNA_TOKEN_KEYS`);
  return parseTokenKeys(tokenKeys.split(","));
}

const WHERE_SECRETS_ARE = "name a secrets file with --secrets-file (URNA_SECRETS_FILE)";
