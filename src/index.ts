/** Urna as a library, for the organiser's own backend. */
import { electionPepper, parsePepper, parseTokenKeys, voterKeyOf } from "./admission/secrets.ts";
import { voterIdFault } from "./admission/voter-id.ts";
import * as voterToken from "./admission/voter-token.ts";

export type VoterTokenRequest = {
  /** The pepper of Urna's secrets file: 32 bytes as base64url. Another one would give every voter a second vote. */
  pepper: string;
  /** A token key that the gateways verify with: 32 bytes as base64url. */
  tokenKey: string;
  /** The election's `uuid`, as `POST /v1/elections` answers it; a short id will not do. */
  electionUuid: string;
  /** The organiser's own id of the voter: 1 to 512 bytes of UTF-8, taken exactly as it is, so that "Ana" is not "ana". */
  voter: string;
  /** From then on the token is refused; rounded down to whole seconds, 2106-02-07 at the latest. */
  expiresAt: Date;
};

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * A voter token, 76 characters: the same that `POST /v1/elections/{election}/voter-tokens` mints for the same voter,
 * election and second. Pure, no I/O, a few microseconds; the same voter always gets the same voter key.
 *
 * It can't see the ledger, and so can't check what that call checks: that the election exists, and that it was made
 * with this pepper. Compare `urna keys show` on both sides before the first token goes out.
 *
 * Throws Error when a secret is not 32 bytes of base64url, TypeError when the uuid or the voter is not one, RangeError
 * when `expiresAt` is not a time that a token can name. No message quotes a secret.
 */
export function mintVoterToken(request: VoterTokenRequest): string {
  const { pepper, tokenKey, electionUuid, voter, expiresAt } = request;
  if (!UUID.test(electionUuid)) throw new TypeError("electionUuid is not a uuid");
  const fault = voterIdFault(voter);
  if (fault !== null) throw new TypeError(fault);
  const [key] = parseTokenKeys([tokenKey]);
  const voterKey = voterKeyOf(electionPepper(parsePepper(pepper), electionUuid), voter);
  return voterToken.mintVoterToken(key, { electionUuid, voterKey, expiresAtMs: expiresAt.getTime() });
}
