/**
 * Records: what a partition's log is made of, ballots on their way to a ledger and barriers.
 *
 * Integers big-endian. Version (1), kind (1), contest uuid (16); then of a ballot voter key (16), nonce (16), the time
 * at which it was accepted in epoch milliseconds (8), and selections (2 each); of a barrier the close that it is for (8).
 */
import { decodeSelections, encodeSelections, type Selections } from "../election/selections.ts";
import { NONCE_BYTES } from "../ledger/leaf.ts";
import { bytesToUuid, UUID_BYTES, uuidToBytes } from "../ledger/uuid.ts";

export type BallotRecord = {
  kind: "ballot";
  contestUuid: string;
  /** 16 bytes as 32 hexadecimal digits. */
  voterKey: string;
  /** 16 bytes in base64url, as receipts show it. */
  nonce: string;
  selections: Selections;
  /** When the gateway had read it whole, which decides whether the contest was open. */
  acceptedAtMs: number;
};

/** Behind it no ballot of the contest counts. It is one only if the ledger says that the contest closes then. */
export type BarrierRecord = { kind: "barrier"; contestUuid: string; closesAtMs: number };

const VERSION = 1;
const BALLOT = 1;
const BARRIER = 2;

const CONTEST_AT = 2;
const CONTEST_END = CONTEST_AT + UUID_BYTES;
const NONCE_AT = CONTEST_END + UUID_BYTES;
const ACCEPTED_AT = NONCE_AT + NONCE_BYTES;
const SELECTIONS_AT = ACCEPTED_AT + 8;
const BARRIER_BYTES = CONTEST_END + 8;

export function encodeRecord(record: BallotRecord | BarrierRecord): Buffer {
  const rest = record.kind === "ballot" ? encodeSelections(record.selections) : Buffer.alloc(0);
  const bytes = Buffer.allocUnsafe(record.kind === "ballot" ? SELECTIONS_AT + rest.length : BARRIER_BYTES);
  bytes.writeUInt8(VERSION, 0);
  bytes.writeUInt8(record.kind === "ballot" ? BALLOT : BARRIER, 1);
  uuidToBytes(record.contestUuid).copy(bytes, CONTEST_AT);
  if (record.kind === "barrier") {
    bytes.writeBigInt64BE(BigInt(record.closesAtMs), CONTEST_END);
    return bytes;
  }
  bytes.write(record.voterKey, CONTEST_END, "hex");
  bytes.write(record.nonce, NONCE_AT, "base64url");
  bytes.writeBigInt64BE(BigInt(record.acceptedAtMs), ACCEPTED_AT);
  rest.copy(bytes, SELECTIONS_AT);
  return bytes;
}

/** Or why these bytes are no record of this version. Whether its contest takes such a ballot is not asked here. */
export function decodeRecord(bytes: Buffer | null): BallotRecord | BarrierRecord | { fault: string } {
  if (bytes === null) return { fault: "it has no value" };
  if (bytes.length < BARRIER_BYTES) return { fault: `it has ${bytes.length} bytes, too few for a record` };
  const [version, kind] = bytes;
  if (version !== VERSION)
    return { fault: `it is of version ${version}, this program knows version ${VERSION}` };
  const contestUuid = bytesToUuid(bytes.subarray(CONTEST_AT, CONTEST_END));
  if (kind === BARRIER && bytes.length === BARRIER_BYTES) {
    return { kind: "barrier", contestUuid, closesAtMs: Number(bytes.readBigInt64BE(CONTEST_END)) };
  }
  if (kind !== BALLOT || bytes.length < SELECTIONS_AT || (bytes.length - SELECTIONS_AT) % 2 !== 0) {
    return { fault: `it is of kind ${kind} with ${bytes.length} bytes, which is no record` };
  }
  return {
    kind: "ballot",
    contestUuid,
    voterKey: bytes.toString("hex", CONTEST_END, NONCE_AT),
    nonce: bytes.toString("base64url", NONCE_AT, ACCEPTED_AT),
    selections: decodeSelections(bytes.subarray(SELECTIONS_AT)),
    acceptedAtMs: Number(bytes.readBigInt64BE(ACCEPTED_AT)),
  };
}
