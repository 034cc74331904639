/** A bound on how often one voter may ask: counts in memory, forgets with every window, waits for nothing. */

/** Hexadecimal digits of the voter key that choose a slot: 2^20 slots, 4 MB, however many voters there are. */
const SLOT_DIGITS = 5;

/**
 * Voters who share a slot share the bound: with a bound far above what honest voters ask, that costs one voter in a
 * million a short wait beside somebody who asks too often. A map of voters cost more than verifying their tokens, and
 * its memory went up and down with the window. Nobody can aim at another's slot: voter keys are HMACs.
 */
export class VoterLimiter {
  private readonly counts = new Uint32Array(16 ** SLOT_DIGITS);
  private windowEndsMs = 0;

  constructor(private readonly options: { requestsMax: number; windowMs: number; steadyMs: () => number }) {}

  /** Whether this request is within the voter's bound. */
  admit(voterKey: string): boolean {
    const nowMs = this.options.steadyMs();
    if (nowMs >= this.windowEndsMs) {
      this.counts.fill(0);
      this.windowEndsMs = nowMs + this.options.windowMs;
    }
    // The last digits: the first ones choose the lane.
    const slot = Number.parseInt(voterKey.slice(-SLOT_DIGITS), 16);
    return ++this.counts[slot]! <= this.options.requestsMax;
  }
}
