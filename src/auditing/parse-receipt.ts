/** Receipts as voters hand them in: of a recorded ballot, or of an accepted one. */
import { isUuid } from "../election/public-id.ts";
import type { AcceptedReceipt, Receipt } from "../election/receipt.ts";
import { LEAF_BYTES, NONCE_BYTES } from "../ledger/leaf.ts";

const STREAM_MAX = 0x7fff_ffff;
const SEQ_MAX = 0xffff_ffff;
const INDEX_MAX = 0x7fff;
const PARTITION_MAX = 9_999;
const OPTION_MAX = 0xffff;
/** Far more than any ballot has, and little enough to hash. */
const SELECTIONS_MAX = 1_000;

type Field = { is: (value: unknown) => boolean; what: string };

const time: Field = { is: isTime, what: "a time like 2026-03-01T20:15:00.000Z" };

/** What each field must be, in words for whoever holds the receipt. */
const BALLOT_FIELDS = {
  contest: { is: (value: unknown) => typeof value === "string" && isUuid(value), what: "the contest's uuid" },
  leaf: { is: isBase64url(LEAF_BYTES), what: `${LEAF_BYTES} bytes, base64url without padding` },
  nonce: { is: isBase64url(NONCE_BYTES), what: `${NONCE_BYTES} bytes, base64url without padding` },
  selections: { is: isSelections, what: "an array of option numbers" },
};
const FIELDS: Record<keyof Receipt, Field> = {
  ...BALLOT_FIELDS,
  stream: { is: isWhole(1, STREAM_MAX), what: "a stream's number" },
  seq: { is: isWhole(1, SEQ_MAX), what: "a block's number, from 1" },
  index: { is: isWhole(0, INDEX_MAX), what: "a place in a block, from 0" },
  recordedAt: time,
  durability: { is: (value) => value === undefined || value === "override", what: '"override", or left out' },
};
const ACCEPTED_FIELDS: Record<keyof AcceptedReceipt, Field> = {
  ...BALLOT_FIELDS,
  partition: { is: isWhole(0, PARTITION_MAX), what: "a partition's number, from 0" },
  offset: { is: isWhole(0, Number.MAX_SAFE_INTEGER), what: "an offset, from 0" },
  acceptedAt: time,
};

export type ParsedReceipt = { receipt: Receipt } | { accepted: AcceptedReceipt } | { fault: string };

/**
 * A receipt as gateways answer it. Fields that are not a receipt's are left aside: those of a later version, or what
 * an application keeps with it. One that names a stream is of a recorded ballot.
 */
export function parseReceipt(json: unknown): ParsedReceipt {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    return { fault: "a receipt is a JSON object" };
  }
  const { stream, partition } = json as Partial<Receipt & AcceptedReceipt>;
  const isAccepted = stream === undefined && partition !== undefined;
  const fault = faultOf(json, isAccepted ? ACCEPTED_FIELDS : FIELDS);
  if (fault !== null) return { fault };
  if (isAccepted) {
    const { contest, leaf, nonce, selections, offset, acceptedAt } = json as AcceptedReceipt;
    return { accepted: { contest, leaf, nonce, selections, partition, offset, acceptedAt } };
  }
  const { contest, leaf, nonce, selections, seq, index, recordedAt, durability } = json as Receipt;
  const receipt: Receipt = { contest, leaf, nonce, selections, stream: stream!, seq, index, recordedAt };
  return { receipt: durability === undefined ? receipt : { ...receipt, durability } };
}

function faultOf(json: object, fields: Record<string, Field>): string | null {
  for (const [name, { is, what }] of Object.entries(fields)) {
    if (!is((json as Record<string, unknown>)[name])) return `the receipt's ${name} must be ${what}`;
  }
  return null;
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
