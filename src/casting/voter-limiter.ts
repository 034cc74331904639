/** A bound on how often one voter may ask: counts in memory, waits for nothing. */
import { WindowCounts } from "../runtime/window-counts.ts";

/** Hexadecimal digits of the voter key that choose a slot: 2^20 slots, 4 MB, however many voters there are. */
const SLOT_DIGITS = 5;

/**
 * With a bound far above what honest voters ask, sharing a slot costs one voter in a million a short wait beside
 * somebody who asks too often. Nobody can aim at another's slot: voter keys are HMACs.
 */
export class VoterLimiter {
  private readonly counts: WindowCounts;

  constructor(private readonly options: { requestsMax: number; windowMs: number; steadyMs: () => number }) {
    this.counts = new WindowCounts({ ...options, slots: 16 ** SLOT_DIGITS });
  }

  /** Whether this request is within the voter's bound. */
  admit(voterKey: string): boolean {
    // The last digits: the first ones choose the lane.
    const slot = Number.parseInt(voterKey.slice(-SLOT_DIGITS), 16);
    return this.counts.add(slot) <= this.options.requestsMax;
  }
}
