/** The bytes of the request that casts one ballot. */
import type { Selections } from "../election/selections.ts";
import type { Origin } from "./connection.ts";

export type BallotToCast = {
  contest: string;
  token: string;
  selections: Selections;
  /** 16 bytes, base64url; without one the gateway draws it. */
  nonce?: string;
};

export function ballotRequest(origin: Origin, { contest, token, selections, nonce }: BallotToCast): Buffer {
  const body = JSON.stringify(nonce === undefined ? { selections } : { selections, nonce });
  return Buffer.from(
    `POST /v1/contests/${encodeURIComponent(contest)}/ballots HTTP/1.1\r\n` +
      `Host: ${origin.hostHeader}\r\n` +
      `Authorization: Bearer ${token}\r\n` +
      "Content-Type: application/json\r\n" +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
