/** The pepper and the token keys: what voter keys are made with, and what voter tokens are authenticated with. */
import { createHash, createHmac, randomBytes } from "node:crypto";
import { uuidToBytes } from "../ledger/uuid.ts";

const SECRET_BYTES = 32;

/** `id` is the first 4 bytes of SHA-256 of the secret: a token names its key by it. */
export type TokenKey = { id: Buffer; secret: Buffer };

/** All of `tokenKeys` verify; the first one mints. */
export type Secrets = { pepper: Buffer; tokenKeys: readonly [TokenKey, ...TokenKey[]] };

/** The text form, as it is kept in a file or the environment: base64url of 32 bytes each. */
export type SecretsText = { pepper: string; tokenKeys: string[] };

export function drawSecret(): string {
  return randomBytes(SECRET_BYTES).toString("base64url");
}

/** Throws an Error that says which one is wrong, and does not quote it. */
export function parseSecrets({ pepper, tokenKeys }: SecretsText): Secrets {
  return { pepper: parsePepper(pepper), tokenKeys: parseTokenKeys(tokenKeys) };
}

export function parsePepper(text: string): Buffer {
  return parseSecret("the pepper", text);
}

export function parseTokenKeys(texts: readonly string[]): Secrets["tokenKeys"] {
  const [first, ...others] = texts.map((text, i) => tokenKey(parseSecret(`token key ${i + 1}`, text)));
  if (first === undefined) throw new Error("there is no token key");
  const keys: [TokenKey, ...TokenKey[]] = [first, ...others];
  const ids = new Set(keys.map(({ id }) => id.toString("hex")));
  if (ids.size < keys.length) throw new Error("two token keys are the same: remove one of them");
  return keys;
}

function parseSecret(name: string, text: string): Buffer {
  const secret = Buffer.from(text, "base64url");
  if (secret.length !== SECRET_BYTES || secret.toString("base64url") !== text) {
    throw new Error(`${name} is not ${SECRET_BYTES} bytes of base64url`);
  }
  return secret;
}

export function tokenKey(secret: Buffer): TokenKey {
  return { id: createHash("sha256").update(secret).digest().subarray(0, 4), secret };
}

/** What a pepper is called where people compare it: 8 bytes that tell it apart and give nothing of it away. */
export function pepperId(pepper: Buffer): Buffer {
  return createHash("sha256").update("urna/pepper-id/v1").update(pepper).digest().subarray(0, 8);
}

/**
 * The pepper of one election, so that a voter's keys in two elections can't be linked, and so that an organiser can
 * be handed one election's pepper without the others'.
 */
export function electionPepper(pepper: Buffer, electionUuid: string): Buffer {
  return createHmac("sha256", pepper)
    .update("urna/election-pepper/v1")
    .update(uuidToBytes(electionUuid))
    .digest();
}

/** What is stored with the election: tells another pepper apart, and gives nothing of it away. */
export function pepperFingerprint(electionPepper: Buffer): Buffer {
  return createHash("sha256")
    .update("urna/pepper-fingerprint/v1")
    .update(electionPepper)
    .digest()
    .subarray(0, 16);
}

/** 128 bits of HMAC-SHA-256(election pepper, the voter id's exact UTF-8 bytes), as 32 hexadecimal digits. */
export function voterKeyOf(electionPepper: Buffer, voterId: string): string {
  return createHmac("sha256", electionPepper).update(voterId, "utf8").digest("hex").slice(0, 32);
}
