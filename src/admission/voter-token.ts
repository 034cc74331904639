/**
 * Voter tokens: what a voter shows to cast ballots in one election. 57 bytes, 76 characters of base64url:
 * version (1) ‖ key id (4) ‖ election uuid (16) ‖ voter key (16) ‖ expiry, epoch seconds big-endian (4) ‖
 * the first 16 bytes of HMAC-SHA-256(token key, all of the above) (RFC 2104, section 5, on truncation).
 */
import { timingSafeEqual } from "node:crypto";
import { hexToUuid, uuidToBytes } from "../ledger/uuid.ts";
import { hmacSha256 } from "./hmac.ts";
import type { TokenKey } from "./secrets.ts";

const VERSION = 1;
const SIGNED_BYTES = 41;
const AUTHENTICATOR_BYTES = 16;
const TOKEN_BYTES = SIGNED_BYTES + AUTHENTICATOR_BYTES;
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
  hmacSha256(key.secret, bytes.subarray(0, SIGNED_BYTES)).copy(bytes, SIGNED_BYTES);
  return bytes.toString("base64url");
}

/** Where tokens are read, one after the other: every ballot has one. */
const read = Buffer.alloc(TOKEN_BYTES);
const readSigned = read.subarray(0, SIGNED_BYTES);
const readAuthenticator = read.subarray(SIGNED_BYTES);
const expected = Buffer.alloc(AUTHENTICATOR_BYTES);
/** What the last token's election was: nearly always the next one's, and 0.3 µs to write out (measured). */
let lastElection = { hex: "", uuid: "" };

/** The claims of an authentic token, expired or not; null for anything else. Costs microseconds, and no I/O. */
export function readVoterToken(keys: readonly TokenKey[], token: string): VoterTokenClaims | null {
  if (token.length !== TOKEN_CHARACTERS) return null;
  if (read.write(token, "base64url") !== TOKEN_BYTES || read[0] !== VERSION) return null;
  const key = keys.find(({ id }) => id.compare(read, 1, 5) === 0);
  if (key === undefined) return null;
  hmacSha256(key.secret, readSigned).copy(expected);
  if (!timingSafeEqual(expected, readAuthenticator)) return null;
  const election = read.toString("hex", 5, 21);
  if (election !== lastElection.hex) lastElection = { hex: election, uuid: hexToUuid(election) };
  return {
    electionUuid: lastElection.uuid,
    voterKey: read.toString("hex", 21, 37),
    expiresAtMs: read.readUInt32BE(37) * 1000,
  };
}
