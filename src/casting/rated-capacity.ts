/** How many ballots a second a gateway takes at most, where its operator says so: what it is rated for. */
import type { Clock } from "../runtime/clock.ts";

/** What is not taken in so long may come at once: turns of a busy event loop are shorter. */
const AT_ONCE_MS = 100;

/**
 * A token bucket. Whoever takes only a part of what the processor could record has the rest to refuse others with, at
 * once (docs/decisions/0020-a-gateway-can-be-rated.md).
 */
export class RatedCapacity {
  private readonly most: number;
  private left: number;
  private atMs: number;

  constructor(
    private readonly ballotsPerSecond: number,
    private readonly clock: Pick<Clock, "steadyMs">,
  ) {
    this.most = Math.max(1, (ballotsPerSecond * AT_ONCE_MS) / 1000);
    this.left = this.most;
    this.atMs = clock.steadyMs();
  }

  /** To be asked once of everything that is offered as a ballot and would be taken otherwise. */
  takes(): boolean {
    const nowMs = this.clock.steadyMs();
    this.left = Math.min(this.most, this.left + ((nowMs - this.atMs) * this.ballotsPerSecond) / 1000);
    this.atMs = nowMs;
    if (this.left < 1) return false;
    this.left--;
    return true;
  }

  /** For what was taken and turned out to be none: whoever sends that must not use up what voters need. */
  giveBack(): void {
    this.left = Math.min(this.most, this.left + 1);
  }
}
