/**
 * Exceptions: the records that a block took in without recording a ballot of them, and why, so that the fate of every
 * accepted ballot can be told from the ledger alone.
 *
 * Laid out one after the other, in the order of their index, each in 49 bytes, integers big-endian: index (4), reason (1),
 * leaf (32), the place of the ballot that it duplicates as stream (4), seq (4) and index (4); zeros where there is none.
 */
import { LEAF_BYTES } from "./leaf.ts";

/**
 * - `duplicate`: the voter has a ballot, this very one or another.
 * - `not_open`: accepted when the contest was closed. `behind_barrier`: accepted in time, and written too late.
 * - `quarantined`: no ballot of this election. `barrier`: the end of a contest's ballots in this partition.
 */
export type ExceptionReason = "duplicate" | "not_open" | "behind_barrier" | "quarantined" | "barrier";

export type Place = { streamId: number; seq: number; index: number };

export type BlockException = {
  /** The record's offset less the block's first one. */
  index: number;
  reason: ExceptionReason;
  /** Null where the record is no ballot. */
  leaf: Buffer | null;
  /** Of a duplicate: where its voter's ballot is. */
  of: Place | null;
};

/** By number, which the layout keeps; 0 is none. */
const REASONS: readonly (ExceptionReason | null)[] = [
  null,
  "duplicate",
  "not_open",
  "behind_barrier",
  "quarantined",
  "barrier",
];

const REASON_AT = 4;
const LEAF_AT = 5;
const OF_AT = LEAF_AT + LEAF_BYTES;
export const EXCEPTION_BYTES = OF_AT + 12;

export function encodeExceptions(exceptions: readonly BlockException[]): Buffer {
  const bytes = Buffer.alloc(exceptions.length * EXCEPTION_BYTES);
  exceptions.forEach(({ index, reason, leaf, of }, i) => {
    const at = i * EXCEPTION_BYTES;
    bytes.writeUInt32BE(index, at);
    bytes.writeUInt8(REASONS.indexOf(reason), at + REASON_AT);
    leaf?.copy(bytes, at + LEAF_AT);
    if (of === null) return;
    bytes.writeUInt32BE(of.streamId, at + OF_AT);
    bytes.writeUInt32BE(of.seq, at + OF_AT + 4);
    bytes.writeUInt32BE(of.index, at + OF_AT + 8);
  });
  return bytes;
}

/** The inverse of {@link encodeExceptions}, or null where these bytes are none. */
export function decodeExceptions(bytes: Buffer): BlockException[] | null {
  if (bytes.length % EXCEPTION_BYTES !== 0) return null;
  const exceptions: BlockException[] = [];
  for (let at = 0; at < bytes.length; at += EXCEPTION_BYTES) {
    const reason = REASONS[bytes.readUInt8(at + REASON_AT)] ?? null;
    if (reason === null) return null;
    const streamId = bytes.readUInt32BE(at + OF_AT);
    const [seq, index] = [bytes.readUInt32BE(at + OF_AT + 4), bytes.readUInt32BE(at + OF_AT + 8)];
    const isBallot = reason !== "quarantined" && reason !== "barrier";
    exceptions.push({
      index: bytes.readUInt32BE(at),
      reason,
      leaf: isBallot ? bytes.subarray(at + LEAF_AT, at + OF_AT) : null,
      of: reason === "duplicate" ? { streamId, seq, index } : null,
    });
  }
  return exceptions;
}
