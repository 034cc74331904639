/** Texts that processes with the same token keys hand each other through a place where anybody may write. */
import { timingSafeEqual } from "node:crypto";
import { hmacSha256 } from "./hmac.ts";
import type { TokenKey } from "./secrets.ts";

/** HMAC-SHA-256 in base64url. */
const SIGNATURE_CHARACTERS = 43;

/** The signature, then the text. What was signed for one purpose is nothing for another one, and no voter token. */
export function signText(key: TokenKey, purpose: string, text: string): string {
  return signatureOf(key, purpose, text) + text;
}

/** The text, if any of the keys signed it for this purpose; otherwise null. */
export function readSignedText(keys: readonly TokenKey[], purpose: string, signed: string): string | null {
  const signature = Buffer.from(signed.slice(0, SIGNATURE_CHARACTERS));
  const text = signed.slice(SIGNATURE_CHARACTERS);
  const isBy = (key: TokenKey) => {
    const expected = Buffer.from(signatureOf(key, purpose, text));
    return expected.length === signature.length && timingSafeEqual(expected, signature);
  };
  return keys.some(isBy) ? text : null;
}

function signatureOf({ secret }: TokenKey, purpose: string, text: string): string {
  return hmacSha256(secret, Buffer.from(`urna/${purpose}/v1\0${text}`)).toString("base64url");
}
