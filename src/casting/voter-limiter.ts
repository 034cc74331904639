/** A bound on how often one voter may ask: counts in memory, forgets with every window, waits for nothing. */

/** Distinct voters remembered in one window; past it the window begins anew, which lets more through, never less. */
const VOTERS_MAX = 1_000_000;

export class VoterLimiter {
  private counts = new Map<string, number>();
  private windowEndsMs = 0;

  constructor(private readonly options: { requestsMax: number; windowMs: number; now: () => number }) {}

  /** Whether this request is within the voter's bound. */
  admit(voterKey: string): boolean {
    const nowMs = this.options.now();
    if (nowMs >= this.windowEndsMs || this.counts.size >= VOTERS_MAX) {
      this.counts = new Map();
      this.windowEndsMs = nowMs + this.options.windowMs;
    }
    const count = (this.counts.get(voterKey) ?? 0) + 1;
    this.counts.set(voterKey, count);
    return count <= this.options.requestsMax;
  }
}
