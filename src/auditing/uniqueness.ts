/**
 * At most one ballot a voter, and no two equal leaves, in one contest; without trusting the unique index.
 *
 * The first 64 bits of every voter key and leaf go into a set; one that is there already is a suspicion, to be
 * confirmed by comparing whole keys in another look at the ballots. (Leaves commit to their contest, so two equal
 * ones are in one contest.) About 23 bytes a ballot, at most {@link BYTES_MAX}: a larger contest is looked at in
 * several slices of the key space, one reading of its ballots each.
 */
import { FINGERPRINT_BYTES, FingerprintSet } from "./fingerprint-set.ts";
import type { BallotRow, BlockPlace } from "./recount-source.ts";

const BYTES_MAX = 1024 * 1024 * 1024;
const SUSPICIONS_MAX = 10_000;

type Kind = "voter" | "leaf";

/** Two ballots that share a voter, or a leaf. */
export type Repetition = { kind: Kind; first: BallotPlace; again: BallotPlace };
export type BallotPlace = BlockPlace & { index: number };

export class Uniqueness {
  readonly slices: number;
  private readonly fingerprintsMax: number;
  private slice = 0;
  private voters!: FingerprintSet;
  private leaves!: FingerprintSet;
  private readonly suspected: Record<Kind, Set<string>> = { voter: new Set(), leaf: new Set() };
  /** Whole keys met in the second look, and where first. */
  private readonly met = new Map<string, BallotPlace>();
  /** More voters were suspected than are kept for the second look. Of leaves as many as are kept are enough to report. */
  overflowed = false;

  constructor(ballotsMax: number, bytesMax = BYTES_MAX) {
    const perSlice = bytesMax / (2 * FINGERPRINT_BYTES);
    this.slices = Math.max(1, Math.ceil(ballotsMax / perSlice));
    // Slices come out unevenly: by far less than one in a hundred where they are millions, by more where they are few.
    const spread = this.slices === 1 ? 0 : 1000 + ballotsMax / this.slices / 100;
    this.fingerprintsMax = Math.ceil(ballotsMax / this.slices + spread);
  }

  get suspicious(): boolean {
    return this.suspected.voter.size + this.suspected.leaf.size > 0;
  }

  begin(slice: number): void {
    this.slice = slice;
    this.voters = new FingerprintSet(this.fingerprintsMax);
    this.leaves = new FingerprintSet(this.fingerprintsMax);
  }

  add(voterKey: Buffer, leaf: Buffer): void {
    if (!this.isNew(this.voters, voterKey)) this.suspect("voter", voterKey);
    if (!this.isNew(this.leaves, leaf)) this.suspect("leaf", leaf);
  }

  /** The second look at a ballot: how it repeats an earlier one. */
  *repetitions(ballot: BallotRow, leaf: Buffer): Generator<Repetition> {
    for (const kind of ["voter", "leaf"] as const) {
      const key = kind === "voter" ? ballot.voterKey : leaf;
      if (!this.suspected[kind].has(fingerprintOf(key))) continue;
      const name = `${kind} ${ballot.contestLedgerId} ${key.toString("hex")}`;
      const again = { streamId: ballot.streamId, seq: ballot.seq, index: ballot.index };
      const first = this.met.get(name);
      if (first === undefined) this.met.set(name, again);
      else yield { kind, first, again };
    }
  }

  private isNew(fingerprints: FingerprintSet, key: Buffer): boolean {
    const low = key.readUInt32LE(4);
    if (this.slices > 1 && low % this.slices !== this.slice) return true;
    return fingerprints.add(key.readUInt32LE(0), low);
  }

  private suspect(kind: Kind, key: Buffer): void {
    const suspected = this.suspected[kind];
    const fingerprint = fingerprintOf(key);
    if (suspected.size < SUSPICIONS_MAX) suspected.add(fingerprint);
    else if (kind === "voter" && !suspected.has(fingerprint)) this.overflowed = true;
  }
}

function fingerprintOf(key: Buffer): string {
  return key.toString("latin1", 0, 8);
}
