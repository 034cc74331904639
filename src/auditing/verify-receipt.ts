/**
 * Verifies a receipt: does it open its leaf, and what does the ledger say that it belongs to?
 *
 * Of a recorded ballot: is that leaf at the place that it names. Of an accepted one: what has become of the record at
 * its offset, by the ledger alone, so that the answer is the same whatever has become of Kafka, and after any failover.
 */
import { ledgerOfPartition, ledgerOfStream } from "../election/buffering.ts";
import type { Contest } from "../election/contest.ts";
import type { AcceptedReceipt, Receipt } from "../election/receipt.ts";
import type { ExceptionReason } from "../ledger/exceptions.ts";
import { receiptLeaf } from "../ledger/leaf.ts";
import { Problem } from "../runtime/problem.ts";
import type { LeafRow, ReceiptSources, RecordFate } from "./receipt-source.ts";

/**
 * - `recorded`: it counts. The receipt is given where the one asked about was that of the accepted ballot.
 * - `accepted`: it is not drained yet, or its offset is further on than anything that was, and its contest is not sealed.
 * - `duplicate`: another ballot of its voter had been recorded, and counts. `rejected`: it does not count, and why.
 */
export type Verification =
  | { status: "recorded"; receipt?: Receipt }
  | { status: "accepted" }
  | { status: "duplicate"; reason: string }
  | { status: "rejected"; reason: string }
  | { status: "unknown_receipt"; reason: string };

const UNOPENED = "the contest, selections and nonce do not open the receipt's leaf";

/** Throws only when the ledger can't know; {@link Problem} `not_available` when it is none that is configured here. */
export async function verifyReceipt(
  receipt: Receipt,
  { ledgers }: Pick<ReceiptSources, "ledgers">,
): Promise<Verification> {
  if (!opensLeaf(receipt)) return unknown(UNOPENED);
  const { stream: streamId, seq, index } = receipt;
  const found = await ledgerOf(ledgers, ledgerOfStream(streamId)).leaves.find({ streamId, seq, index });
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

/** Likewise. When it was accepted is in no ledger, and is not judged. */
export async function verifyAccepted(
  receipt: AcceptedReceipt,
  { contests, ledgers }: ReceiptSources,
): Promise<Verification> {
  if (!opensLeaf(receipt)) return unknown(UNOPENED);
  const contest = contests.get(receipt.contest) ?? (await asked(receipt.contest, contests));
  if (contest === null) return unknown("there is no such contest");
  const { buffering, electionUuid } = contest;
  if (buffering === null) return unknown("ballots of this contest are recorded at once, and never accepted");
  const { partition, offset } = receipt;
  if (partition >= buffering.partitions) return unknown("its election has no such partition");
  const number = ledgerOfPartition(partition, buffering);
  const fate = await ledgerOf(ledgers, number).records.find({ electionUuid, partition, offset });
  if (fate === null) throw new Error(`ledger ${number} has no stream of partition ${partition}`);
  // Asked after the contest was: it is sealed only when every partition has been drained up to its barrier.
  if (fate.fate === "not_drained" && contest.sealedAtMs !== null) {
    return unknown("the contest is sealed, and its log had no ballot so far on");
  }
  return judge(receipt, fate);
}

/** A home ledger that does not answer keeps nobody from hearing what the partition's own ledger says. */
async function asked(uuid: string, contests: ReceiptSources["contests"]): Promise<Contest | null> {
  try {
    return await contests.fresh(uuid);
  } catch (error) {
    const known = contests.lastKnown(uuid);
    if (known === undefined) throw error;
    return known;
  }
}

function judge(receipt: AcceptedReceipt, fate: RecordFate): Verification {
  switch (fate.fate) {
    case "not_drained":
      return { status: "accepted" };
    case "ballot":
      return isOf(receipt, fate.at.leaf) ? recorded(receipt, fate.at) : unknown("another ballot is there");
    case "exception":
      return judgeException(receipt, fate);
    case "damaged":
      throw new Error(`partition ${receipt.partition}, offset ${receipt.offset}: ${fate.found}`);
  }
}

/** Why a ballot does not count, for its voter. */
const REJECTED: Record<Exclude<ExceptionReason, "duplicate" | "barrier">, string> = {
  not_open: "it came after the contest had closed",
  behind_barrier: "the contest had closed before it could be written down",
  quarantined: "what was written down is no ballot of this election",
};

function judgeException(
  receipt: AcceptedReceipt,
  { reason, leaf, of, told }: Extract<RecordFate, { fate: "exception" }>,
): Verification {
  if (reason === "barrier") return unknown("no ballot is there");
  // No leaf is known of what is no ballot.
  if (leaf !== null && !isOf(receipt, leaf)) return unknown("another ballot is there");
  if (reason !== "duplicate") {
    return { status: "rejected", reason: told === null ? REJECTED[reason] : `${REJECTED[reason]}: ${told}` };
  }
  if (of?.leaf == null) throw new Error(`offset ${receipt.offset} duplicates a ballot that is not there`);
  // This very ballot was written down more than once, as when its voter sent it again: it counts, where it was first.
  if (isOf(receipt, of.leaf)) return recorded(receipt, of);
  return { status: "duplicate", reason: "another ballot of this voter was recorded before, and counts" };
}

function recorded(receipt: AcceptedReceipt, at: LeafRow): Verification {
  const { contest, leaf, nonce, selections } = receipt;
  const place = { stream: at.streamId, seq: at.seq, index: at.index };
  const recordedAt = new Date(at.recordedAtMs).toISOString();
  const found: Receipt = { contest, leaf, nonce, selections, ...place, recordedAt };
  return { status: "recorded", receipt: at.overridden ? { ...found, durability: "override" } : found };
}

function ledgerOf(ledgers: ReceiptSources["ledgers"], number: number) {
  const ledger = ledgers.get(number);
  if (ledger === undefined) {
    const told = `ledger ${number} would know, and is not configured here`;
    throw new Problem("not_available", told, { cause: new Error("see --ledgers (URNA_LEDGERS)") });
  }
  return ledger;
}

function opensLeaf({ contest, selections, nonce, leaf }: Receipt | AcceptedReceipt): boolean {
  return receiptLeaf(contest, selections, nonce) === leaf;
}

function isOf(receipt: AcceptedReceipt, leaf: Buffer | null): boolean {
  return leaf?.toString("base64url") === receipt.leaf;
}

function unknown(reason: string): Verification {
  return { status: "unknown_receipt", reason };
}
