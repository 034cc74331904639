/** A leaf: a commitment to one ballot that hides the choice until the nonce is shown, and names no voter. */
import { hash } from "node:crypto";
import { type Selections, writeSelections } from "../election/selections.ts";
import { UUID_BYTES, uuidToBytes } from "./uuid.ts";

const DOMAIN = Buffer.concat([Buffer.from([0x00]), Buffer.from("urna/ballot/v1")]);

export const LEAF_BYTES = 32;
export const NONCE_BYTES = 16;

/**
 * SHA-256(0x00 ‖ "urna/ballot/v1" ‖ contest uuid, 16 bytes ‖ selections, big-endian uint16 ‖ nonce, 16 bytes).
 * The 0x00 keeps leaves apart from the inner nodes of a Merkle tree (RFC 6962, section 2.1).
 */
export function ballotLeaf(contestUuid: Buffer, selections: Buffer, nonce: Buffer): Buffer {
  return hash("sha256", Buffer.concat([DOMAIN, contestUuid, selections, nonce]), "buffer");
}

const SELECTIONS_AT = DOMAIN.length + UUID_BYTES;
/** Room for every option number there is. */
const SELECTIONS_BYTES_MAX = 2 * 0xff_ff;

/** Where leaves are laid out, one after the other: every ballot has one. Begins with what the last one began with. */
const layout = Buffer.alloc(SELECTIONS_AT + SELECTIONS_BYTES_MAX + NONCE_BYTES);
layout.set(DOMAIN);
let laidOutContest = "";

/** The same, of texts and to base64url, as receipts show them: half the time of {@link ballotLeaf}. */
export function receiptLeaf(contestUuid: string, selections: Selections, nonce: string): string {
  if (contestUuid !== laidOutContest) {
    layout.set(uuidToBytes(contestUuid), DOMAIN.length);
    laidOutContest = contestUuid;
  }
  let end = writeSelections(layout, selections, SELECTIONS_AT);
  end += layout.write(nonce, end, "base64url");
  return hash("sha256", layout.subarray(0, end), "base64url");
}
