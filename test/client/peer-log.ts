/** The peer's log of a buffered contest: what is accepted is drained at once, or when the test says so. */
import { createHash } from "node:crypto";
import type { AcceptedReceipt, Receipt } from "../../src/election/receipt.ts";

export type Told = { status: string; reason?: string; receipt?: Receipt };
type Ballot = Pick<Receipt, "contest" | "selections" | "nonce">;
type Entry = { voter: string; receipt: AcceptedReceipt; told: Told | null };

export class PeerLog {
  /** While it is held, what is accepted stays that. */
  held = false;
  readonly entries: Entry[] = [];
  private readonly byPlace = new Map<string, Entry>();
  private readonly next: number[];
  private drained = 0;

  constructor(
    partitions: number,
    /** Those recorded, by voter. */
    private readonly ballots: Map<string, Receipt>,
  ) {
    this.next = Array.from({ length: partitions }, () => 0);
  }

  append(voter: string, ballot: Ballot): AcceptedReceipt {
    const partition = createHash("sha256").update(voter).digest().readUInt32BE() % this.next.length;
    const leaf = createHash("sha256").update(JSON.stringify(ballot)).digest("base64url");
    const place = { partition, offset: this.next[partition]!++ };
    const receipt = { ...ballot, leaf, ...place, acceptedAt: new Date().toISOString() };
    const entry = { voter, receipt, told: null };
    this.entries.push(entry);
    this.byPlace.set(`${partition} ${place.offset}`, entry);
    if (!this.held) this.drain();
    return receipt;
  }

  /** Everything, or the first so many that were not. */
  drain(entriesMax = Number.POSITIVE_INFINITY): void {
    const until = Math.min(this.drained + entriesMax, this.entries.length);
    for (; this.drained < until; this.drained++) {
      const entry = this.entries[this.drained]!;
      entry.told = this.record(entry);
    }
  }

  verify({ leaf, partition, offset }: AcceptedReceipt): Told {
    const entry = this.byPlace.get(`${partition} ${offset}`);
    if (entry === undefined || entry.receipt.leaf !== leaf)
      return { status: "unknown_receipt", reason: "none" };
    return entry.told ?? { status: "accepted" };
  }

  private record({ voter, receipt }: Entry): Told {
    const before = this.ballots.get(voter);
    if (before !== undefined && before.leaf !== receipt.leaf) {
      return { status: "duplicate", reason: "another ballot of this voter was recorded before" };
    }
    const { contest, leaf, nonce, selections } = receipt;
    const place = { stream: 16_777_217 + receipt.partition, seq: 1, index: receipt.offset };
    const recordedAt = new Date().toISOString();
    const recorded = before ?? { contest, leaf, nonce, selections, ...place, recordedAt };
    this.ballots.set(voter, recorded);
    return { status: "recorded", receipt: recorded };
  }
}
