/** Whether a batch that is recorded plainly is to be expected to be written in vain, since it meets voters who have a ballot. */

const EXPECTED_MS_MIN = 1_000;
const EXPECTED_MS_MAX = 60_000;

/**
 * A batch that was recorded plainly and met a repeat was written in vain. So it is not tried again for a second, and for
 * twice as long each time that it is in vain again, up to a minute.
 */
export class RepeatWatch {
  private expectedMs = EXPECTED_MS_MIN;
  private expectedUntilMs = Number.NEGATIVE_INFINITY;

  /** Instants are of the steady clock. */
  areExpected(nowMs: number): boolean {
    return nowMs < this.expectedUntilMs;
  }

  /** A batch was recorded plainly, and met one. */
  seen(nowMs: number): void {
    const wasInVainAgain = nowMs - this.expectedUntilMs < this.expectedMs;
    this.expectedMs = wasInVainAgain ? Math.min(2 * this.expectedMs, EXPECTED_MS_MAX) : EXPECTED_MS_MIN;
    this.expectedUntilMs = nowMs + this.expectedMs;
  }
}
