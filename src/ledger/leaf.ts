/** A leaf: a commitment to one ballot that hides the choice until the nonce is shown, and names no voter. */
import { hash } from "node:crypto";

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
