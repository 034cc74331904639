/** Accepting: the ballots of buffered elections go into the log, and their voters are told once it has them. */
import type { AcceptedPlace, AppendLane } from "../buffering/append-lane.ts";
import type { ContestDirectory } from "../contests/directory.ts";
import { partitionOf, topicOf } from "../election/buffering.ts";
import type { Contest } from "../election/contest.ts";
import type { Ballot } from "../recording/ledger.ts";
import type { Clock } from "../runtime/clock.ts";
import { Problem } from "../runtime/problem.ts";

export type AcceptingOptions = {
  /**
   * From a contest's close on, so long may a ballot still be promised that arrived before it: less than until the
   * barrier, by what clocks may differ.
   */
  promiseMs: number;
  clock: Clock;
};

export class Accepting {
  constructor(
    private readonly lanes: readonly AppendLane[],
    private readonly directory: Pick<ContestDirectory, "get">,
    private readonly options: AcceptingOptions,
  ) {}

  /** Throws {@link Problem} `not_recorded` or `outcome_unknown`. `deadlineMs` is of the steady clock. */
  async accept(
    contest: Contest,
    ballot: Ballot,
    acceptedAtMs: number,
    deadlineMs: number,
  ): Promise<AcceptedPlace> {
    const { partitions, topicId } = contest.buffering!;
    if (topicId === null) throw new Problem("not_recorded", "this election is still being set up");
    const partition = partitionOf(ballot.voterKey, { partitions });
    const topic = { name: topicOf(contest.electionUuid), id: topicId };
    const lane = this.lanes[partition % this.lanes.length]!;
    const verdict = await lane.append({ ballot, topic, partition, acceptedAtMs, deadlineMs });
    if (verdict.verdict !== "accepted") throw new Problem(verdict.verdict, verdict.reason);
    if (!this.isBeforeBarrier(contest)) {
      const told =
        "this contest is being closed, and it is not known yet whether this ballot came in time: ask again";
      throw new Problem("outcome_unknown", told);
    }
    return verdict.place;
  }

  get waitingBallots(): number {
    return this.lanes.reduce((sum, lane) => sum + lane.waitingBallots, 0);
  }

  async run(): Promise<void> {
    await Promise.all(this.lanes.map((lane) => lane.run()));
  }

  drain(): void {
    for (const lane of this.lanes) lane.drain();
  }

  /** Whoever was frozen with an append in hand must not promise behind the barrier: so what is known is looked at again. */
  private isBeforeBarrier({ id }: Contest): boolean {
    const contest = this.directory.get(id);
    if (contest === undefined || contest.sealedAtMs !== null) return false;
    const { clock, promiseMs } = this.options;
    return contest.closesAtMs === null || clock.now() < contest.closesAtMs + promiseMs;
  }
}
