/** A ballot's body, `{"selections":[2],"nonce":"…"?}`, read strictly. */

import { selectionsFault } from "../election/ballot-rules.ts";
import type { Contest } from "../election/contest.ts";
import { NONCE_BYTES } from "../ledger/leaf.ts";
import type { CastRequest } from "../recording/verdict.ts";
import { Problem } from "../runtime/problem.ts";

const NONCE = /^[A-Za-z0-9_-]{21}[AQgw]$/;

/**
 * JSON.parse keeps the last of two fields of one name, other readers the first (RFC 8259, section 4), so a ballot must
 * not have them: with nothing but numbers and a nonce in it, it has one colon a field.
 *
 * Throws {@link Problem}: malformed_json when it is not JSON, invalid_ballot when it is not a ballot of the contest.
 */
export function parseBallot(contest: Contest, body: string): CastRequest {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw new Problem("malformed_json", 'the body must be JSON such as {"selections":[1]}');
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Problem("invalid_ballot", 'a ballot is an object such as {"selections":[1]}');
  }
  const { selections, nonce } = value as Record<string, unknown>;
  const fields = Object.keys(value);
  const unknown = fields.find((field) => field !== "selections" && field !== "nonce");
  if (unknown !== undefined) {
    throw new Problem(
      "invalid_ballot",
      `a ballot has selections and a nonce, and no ${JSON.stringify(unknown)}`,
    );
  }
  const fault = selectionsFault(contest, selections);
  if (fault !== null) throw new Problem("invalid_ballot", fault);
  const clientNonce = nonce === undefined ? null : parseNonce(nonce);
  if (countColons(body) > fields.length) {
    throw new Problem("invalid_ballot", "a field is there twice");
  }
  return { selections: selections as number[], clientNonce };
}

/** 16 bytes are 22 characters of base64url, of which the last carries two bits: there is one text for a nonce. */
function parseNonce(nonce: unknown): string {
  if (typeof nonce !== "string" || !NONCE.test(nonce)) {
    throw new Problem("invalid_ballot", `the nonce must be ${NONCE_BYTES} bytes in base64url: 22 characters`);
  }
  return nonce;
}

function countColons(text: string): number {
  let count = 0;
  for (let at = text.indexOf(":"); at !== -1; at = text.indexOf(":", at + 1)) count++;
  return count;
}
