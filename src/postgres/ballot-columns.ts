/** A batch's ballots as columns, for unnest. */
import { type Selections, selectionsBytes, writeSelections } from "../election/selections.ts";
import type { Ballot } from "../recording/ledger.ts";
import { binaryArray, type ElementType, INT4, UUID_OF_BASE64URL, UUID_OF_HEX } from "./binary-array.ts";

/** As `bytea`. */
const SELECTIONS: ElementType<Selections> = { oid: 17, bytesOf: selectionsBytes, write: writeSelections };

type Row = Pick<Ballot, "contestLedgerId" | "voterKey" | "nonce" | "selections">;

/** Arrays of int4, uuid, uuid and bytea: contest, voter key, nonce, selections. */
export function ballotColumns(ballots: readonly Row[]): [Buffer, Buffer, Buffer, Buffer] {
  return [
    binaryArray(INT4, ballots, (ballot) => ballot.contestLedgerId),
    binaryArray(UUID_OF_HEX, ballots, (ballot) => ballot.voterKey),
    binaryArray(UUID_OF_BASE64URL, ballots, (ballot) => ballot.nonce),
    binaryArray(SELECTIONS, ballots, (ballot) => ballot.selections),
  ];
}
