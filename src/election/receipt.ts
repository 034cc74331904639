/** A receipt: the voter's evidence of one recorded ballot, and where to find it. */
import type { Selections } from "./selections.ts";

/** Binary values are base64url without padding, the time is ISO 8601 UTC with milliseconds. */
export type Receipt = {
  /** The contest's uuid. */
  contest: string;
  /** SHA-256 commitment to the ballot, 32 bytes. */
  leaf: string;
  /** 16 bytes; with it the leaf can be opened. */
  nonce: string;
  selections: Selections;
  /** The block that recorded the ballot, and the ballot's place in it. */
  stream: number;
  seq: number;
  index: number;
  recordedAt: string;
  /** Present only when the durability gate was overridden: the ballot may not be on a standby. */
  durability?: "override";
};

/** The receipt of a ballot that is on its way to a ledger: where it is in its election's topic. */
export type AcceptedReceipt = Pick<Receipt, "contest" | "leaf" | "nonce" | "selections"> & {
  partition: number;
  offset: number;
  /** When the gateway had read it whole, which decides whether the contest was open. */
  acceptedAt: string;
};
