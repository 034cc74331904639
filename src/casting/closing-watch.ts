/** Waits for closing contests to be sealed, for voters who must not be told before that nothing of theirs is recorded. */
import type { ContestDirectory } from "../contests/directory.ts";
import type { Contest } from "../election/contest.ts";
import type { Clock } from "../runtime/clock.ts";

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

  /** The contest once it is sealed, or its close has moved. Throws when too many wait, and as the directory does. */
  async ended(contest: Contest): Promise<Contest> {
    if (this.waiting >= this.options.waitingMax) throw new Error("too many voters wait for the seal");
    this.waiting++;
    try {
      return await this.watch(contest);
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
    while (current.sealedAtMs === null && current.closesAtMs === contest.closesAtMs) {
      await clock.pause(pollMs);
      current = (await this.directory.fresh(contest.uuid)) ?? current;
    }
    return current;
  }
}
