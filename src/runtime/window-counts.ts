/** Counts of many things within a window, in memory of a fixed size: forgets with every window, waits for nothing. */

/**
 * Things that share a slot share its count, so a bound on it must be far above what is honest; nobody may be able to
 * choose their slot. A map cost more than verifying a voter's token, and its memory went up and down with the window.
 */
export class WindowCounts {
  private readonly counts: Uint32Array;
  private endsAtMs = 0;

  constructor(private readonly options: { slots: number; windowMs: number; steadyMs: () => number }) {
    this.counts = new Uint32Array(options.slots);
  }

  /** Counts one more, and how many there are now. */
  add(slot: number): number {
    this.begin();
    return ++this.counts[slot]!;
  }

  of(slot: number): number {
    this.begin();
    return this.counts[slot]!;
  }

  /** As if there had been so many. */
  raise(slot: number, count: number): void {
    this.begin();
    this.counts[slot] = Math.max(this.counts[slot]!, count);
  }

  /** Until everything is forgotten. */
  get leftMs(): number {
    return Math.max(0, this.endsAtMs - this.options.steadyMs());
  }

  private begin(): void {
    const nowMs = this.options.steadyMs();
    if (nowMs < this.endsAtMs) return;
    this.counts.fill(0);
    this.endsAtMs = nowMs + this.options.windowMs;
  }
}
