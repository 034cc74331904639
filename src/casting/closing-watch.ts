/** Waits for closing contests to be sealed, for voters who must not be told before that nothing of theirs is recorded. */
import type { ContestDirectory } from "../contests/directory.ts";
import type { Contest } from "../election/contest.ts";
import type { Clock } from "../runtime/clock.ts";
import { withinTime } from "../runtime/within-time.ts";

export type ClosingWatchOptions = {
  pollMs: number;
  /** Past so many voters who wait, a further one is not let wait. */
  waitingMax: number;
  clock: Clock;
};

export class ClosingWatch {
  /** One watch a contest, however many voters wait for it. */
  private readonly watches = new Map<string, Promise<Contest>>();
  private waiting = 0;

  constructor(
    private readonly directory: Pick<ContestDirectory, "fresh">,
    private readonly options: ClosingWatchOptions,
  ) {}

  /**
   * The contest once it is sealed, or its close has moved. Throws when too many wait, when it is not sealed by
   * `deadlineMs` of the steady clock, and as the directory does.
   */
  async ended(contest: Contest, deadlineMs: number): Promise<Contest> {
    const { waitingMax, clock } = this.options;
    if (this.waiting >= waitingMax) throw new Error("too many voters wait for the seal");
    this.waiting++;
    try {
      const late = () => new Error("the contest was not sealed in time");
      return await withinTime(this.watch(contest), deadlineMs - clock.steadyMs(), late);
    } finally {
      this.waiting--;
    }
  }

  private watch(contest: Contest): Promise<Contest> {
    let watch = this.watches.get(contest.uuid);
    if (watch === undefined) {
      watch = this.poll(contest).finally(() => this.watches.delete(contest.uuid));
      this.watches.set(contest.uuid, watch);
    }
    return watch;
  }

  private async poll(contest: Contest): Promise<Contest> {
    const { clock, pollMs } = this.options;
    let current = contest;
    const isClosing = () => current.sealedAtMs === null && current.closesAtMs === contest.closesAtMs;
    while (isClosing() && this.waiting > 0) {
      await clock.pause(pollMs);
      current = (await this.directory.fresh(contest.uuid)) ?? current;
    }
    return current;
  }
}
