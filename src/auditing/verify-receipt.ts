/** Verifies a receipt: does it open its leaf, and is that leaf at the place in the ledger that it names? */
import { isUuid } from "../election/public-id.ts";
import type { Receipt } from "../election/receipt.ts";
import { LEAF_BYTES, NONCE_BYTES, receiptLeaf } from "../ledger/leaf.ts";

/** Where a ballot is in the ledger. */
export type LeafPlace = { streamId: number; seq: number; index: number };

/** A block, and the one leaf of it that was asked for; null when the block recorded no ballot at that index. */
export type LeafRow = LeafPlace & { leaf: Buffer | null; recordedAtMs: number; overridden: boolean };

/** Finds leaves. What it answers is on a synchronous standby: a voter takes it for an acknowledgement. Concurrent. */
export interface ReceiptSource {
  /** Null when there is no such block. Throws when it can't know. */
  find(place: LeafPlace): Promise<LeafRow | null>;
}

export type Verification = { status: "recorded" } | { status: "unknown_receipt"; reason: string };

/** Throws only when the source can't know. */
export async function verifyReceipt(receipt: Receipt, source: ReceiptSource): Promise<Verification> {
  if (receiptLeaf(receipt.contest, receipt.selections, receipt.nonce) !== receipt.leaf) {
    return unknown("the contest, selections and nonce do not open the receipt's leaf");
  }
  const { stream: streamId, seq, index } = receipt;
  const found = await source.find({ streamId, seq, index });
  if (found === null) return unknown("there is no such block");
  if (found.leaf === null) return unknown("the block recorded no ballot at this index");
  if (found.leaf.toString("base64url") !== receipt.leaf) return unknown("another ballot is at this place");
  if (found.recordedAtMs !== Date.parse(receipt.recordedAt)) {
    return unknown("the block was recorded at another time");
  }
  if (found.overridden !== (receipt.durability === "override")) {
    return unknown("the receipt says otherwise whether the durability gate was overridden");
  }
  return { status: "recorded" };
}

function unknown(reason: string): Verification {
  return { status: "unknown_receipt", reason };
}

const STREAM_MAX = 0x7fff_ffff;
const SEQ_MAX = 0xffff_ffff;
const INDEX_MAX = 0x7fff;
const OPTION_MAX = 0xffff;
/** Far more than any ballot has, and little enough to hash. */
const SELECTIONS_MAX = 1_000;

/** What each field must be, in words for whoever holds the receipt. */
const FIELDS: Record<keyof Receipt, { is: (value: unknown) => boolean; what: string }> = {
  contest: { is: (value) => typeof value === "string" && isUuid(value), what: "the contest's uuid" },
  leaf: { is: isBase64url(LEAF_BYTES), what: `${LEAF_BYTES} bytes, base64url without padding` },
  nonce: { is: isBase64url(NONCE_BYTES), what: `${NONCE_BYTES} bytes, base64url without padding` },
  selections: { is: isSelections, what: "an array of option numbers" },
  stream: { is: isWhole(1, STREAM_MAX), what: "a stream's number" },
  seq: { is: isWhole(1, SEQ_MAX), what: "a block's number, from 1" },
  index: { is: isWhole(0, INDEX_MAX), what: "a place in a block, from 0" },
  recordedAt: { is: isTime, what: "a time like 2026-03-01T20:15:00.000Z" },
  durability: { is: (value) => value === undefined || value === "override", what: '"override", or left out' },
};

/**
 * A receipt as gateways answer it. Fields that are not a receipt's are left aside: those of a later version, or what
 * an application keeps with it.
 */
export function parseReceipt(json: unknown): { receipt: Receipt } | { fault: string } {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    return { fault: "a receipt is a JSON object" };
  }
  const fields = json as Record<keyof Receipt, unknown>;
  for (const [name, { is, what }] of Object.entries(FIELDS) as [keyof Receipt, (typeof FIELDS)["leaf"]][]) {
    if (!is(fields[name])) return { fault: `the receipt's ${name} must be ${what}` };
  }
  const { contest, leaf, nonce, selections, stream, seq, index, recordedAt, durability } = json as Receipt;
  const receipt = { contest, leaf, nonce, selections, stream, seq, index, recordedAt };
  return { receipt: durability === undefined ? receipt : { ...receipt, durability } };
}

/** Its one canonical spelling only, so that a receipt has one. */
function isBase64url(bytes: number): (value: unknown) => boolean {
  return (value) => {
    if (typeof value !== "string" || value.length !== Math.ceil((bytes * 4) / 3)) return false;
    return Buffer.from(value, "base64url").toString("base64url") === value;
  };
}

function isWhole(from: number, to: number): (value: unknown) => boolean {
  return (value) => Number.isInteger(value) && (value as number) >= from && (value as number) <= to;
}

function isSelections(value: unknown): boolean {
  return Array.isArray(value) && value.length <= SELECTIONS_MAX && value.every(isWhole(1, OPTION_MAX));
}

function isTime(value: unknown): boolean {
  if (typeof value !== "string") return false;
  const ms = Date.parse(value);
  return !Number.isNaN(ms) && new Date(ms).toISOString() === value;
}
