/** Accepting: the ballots of buffered elections go into the log, and their voters are told once it has them. */
import type { AcceptedPlace, AppendLane } from "../buffering/append-lane.ts";
import type { Appender, Topic } from "../buffering/log.ts";
import type { LogGate } from "../buffering/log-gate.ts";
import type { ContestDirectory } from "../contests/directory.ts";
import { partitionOf, topicOf } from "../election/buffering.ts";
import type { Contest } from "../election/contest.ts";
import type { ClockWatch } from "../recording/clock-watch.ts";
import type { Ballot } from "../recording/ledger.ts";
import type { Clock } from "../runtime/clock.ts";
import { Problem } from "../runtime/problem.ts";
import { withinTime } from "../runtime/within-time.ts";

export type AcceptingParts = {
  log: Pick<Appender, "leaderOf">;
  gate: Pick<LogGate, "faultsOf" | "run">;
  directory: Pick<ContestDirectory, "get">;
  /** Which ballots come before a close is this machine's clock to say. */
  clockWatch: Pick<ClockWatch, "check" | "run">;
  openLane: () => AppendLane;
};

export type AcceptingOptions = {
  /**
   * From a contest's close on, so long may a ballot still be promised that arrived before it: less than until the
   * barrier, by what clocks may differ.
   */
  promiseMs: number;
  clock: Clock;
};

const NOT_NOW = "votes can't be accepted safely at the moment: try again, which is always safe";

export class Accepting {
  /** By the broker that leads the partition: one that hangs holds up the ballots that it leads, and no others. */
  private readonly lanes = new Map<number, AppendLane>();
  private readonly runs: Promise<void>[] = [];
  private isDraining = false;

  constructor(
    private readonly parts: AcceptingParts,
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
    const topic = { name: topicOf(contest.electionUuid), id: topicId };
    if (!this.parts.clockWatch.check.ok) throw new Problem("not_recorded", NOT_NOW);
    const faults = this.parts.gate.faultsOf(topic);
    // Mostly they are known, and there is nothing to wait for.
    if ((faults instanceof Promise ? await this.inTime(faults, deadlineMs) : faults).length > 0) {
      throw new Problem("not_recorded", NOT_NOW);
    }
    const partition = partitionOf(ballot.voterKey, { partitions });
    const lane = this.laneOf(topic, partition);
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
    return [...this.lanes.values()].reduce((sum, lane) => sum + lane.waitingBallots, 0);
  }

  /** Whether a ballot would be refused whoever's it is. */
  get isFull(): boolean {
    return this.lanes.size > 0 && [...this.lanes.values()].every((lane) => lane.isFull);
  }

  /** Until the signal, and until the ballots that were taken before are settled. */
  async run(signal: AbortSignal): Promise<void> {
    const { gate, clockWatch } = this.parts;
    await Promise.all([gate.run(signal), clockWatch.run(signal)]);
    await Promise.all(this.runs);
  }

  drain(): void {
    this.isDraining = true;
    for (const lane of this.lanes.values()) lane.drain();
  }

  private inTime<T>(answer: Promise<T>, deadlineMs: number): Promise<T> {
    const late = () => new Problem("not_recorded", NOT_NOW);
    return withinTime(answer, deadlineMs - this.options.clock.steadyMs(), late);
  }

  private laneOf(topic: Topic, partition: number): AppendLane {
    const leader = this.parts.log.leaderOf(topic, partition);
    let lane = this.lanes.get(leader);
    if (lane === undefined) {
      lane = this.parts.openLane();
      if (this.isDraining) lane.drain();
      this.lanes.set(leader, lane);
      this.runs.push(lane.run());
    }
    return lane;
  }

  /** Whoever was frozen with an append in hand must not promise behind the barrier: so what is known is looked at again. */
  private isBeforeBarrier({ id }: Contest): boolean {
    const contest = this.parts.directory.get(id);
    if (contest === undefined || contest.sealedAtMs !== null) return false;
    const { clock, promiseMs } = this.options;
    return contest.closesAtMs === null || clock.now() < contest.closesAtMs + promiseMs;
  }
}
