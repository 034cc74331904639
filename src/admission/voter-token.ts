/**
 * Voter tokens: what a voter shows to cast ballots in one election. 57 bytes, 76 characters of base64url:
 * version (1) ‖ key id (4) ‖ election uuid (16) ‖ voter key (16) ‖ expiry, epoch seconds big-endian (4) ‖
 * the first 16 bytes of HMAC-SHA-256(token key, all of the above) (RFC 2104, section 5, on truncation).
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { bytesToUuid, uuidToBytes } from "../ledger/uuid.ts";
import type { TokenKey } from "./secrets.ts";

const VERSION = 1;
const SIGNED_BYTES = 41;
const TOKEN_BYTES = 57;
const TOKEN_CHARACTERS = 76;

/** The last instant that a token's four bytes can name, 2106-02-07T06:28:15Z. */
export const EXPIRES_AT_MS_MAX = 0xff_ff_ff_ff * 1000;

export type VoterTokenClaims = {
  electionUuid: string;
  /** 16 bytes as 32 hexadecimal digits. */
  voterKey: string;
  expiresAtMs: number;
};

/** The token's text. Throws RangeError for an expiry before 1970 or after {@link EXPIRES_AT_MS_MAX}. */
export function mintVoterToken(
  key: TokenKey,
  { electionUuid, voterKey, expiresAtMs }: VoterTokenClaims,
): string {
  if (!(expiresAtMs >= 0 && expiresAtMs <= EXPIRES_AT_MS_MAX + 999)) {
    throw new RangeError("a token can't name that expiry: it must be from 1970 to 2106-02-07");
  }
  const bytes = Buffer.alloc(TOKEN_BYTES);
  bytes.writeUInt8(VERSION, 0);
  key.id.copy(bytes, 1);
  uuidToBytes(electionUuid).copy(bytes, 5);
  bytes.write(voterKey, 21, "hex");
  bytes.writeUInt32BE(Math.floor(expiresAtMs / 1000), 37);
  authenticator(key, bytes).copy(bytes, SIGNED_BYTES);
  return bytes.toString("base64url");
}

/** The claims of an authentic token, expired or not; null for anything else. Costs microseconds, and no I/O. */
export function readVoterToken(keys: readonly TokenKey[], token: string): VoterTokenClaims | null {
  if (token.length !== TOKEN_CHARACTERS) return null;
  const bytes = Buffer.from(token, "base64url");
  if (bytes.length !== TOKEN_BYTES || bytes[0] !== VERSION) return null;
  const key = keys.find(({ id }) => id.compare(bytes, 1, 5) === 0);
  if (key === undefined) return null;
  if (!timingSafeEqual(authenticator(key, bytes), bytes.subarray(SIGNED_BYTES))) return null;
  return {
    electionUuid: bytesToUuid(bytes.subarray(5, 21)),
    voterKey: bytes.toString("hex", 21, 37),
    expiresAtMs: bytes.readUInt32BE(37) * 1000,
  };
}

function authenticator(key: TokenKey, bytes: Buffer): Buffer {
  return createHmac("sha256", key.secret).update(bytes.subarray(0, SIGNED_BYTES)).digest().subarray(0, 16);
}
