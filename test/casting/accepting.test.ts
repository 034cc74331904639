/** Accepting, on a log that does as the test says, in virtual time. */
import { expect, test } from "bun:test";
import { AppendLane } from "../../src/buffering/append-lane.ts";
import { Accepting } from "../../src/casting/accepting.ts";
import type { Contest } from "../../src/election/contest.ts";
import type { DurabilityCheck } from "../../src/recording/durability.ts";
import { Problem } from "../../src/runtime/problem.ts";
import { type AppendFate, SimulatedAppender } from "../buffering/simulated-appender.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const PROMISE_MS = 2_000;

class Stage {
  readonly clock = new VirtualClock();
  /** Partition 0 is led by broker 1, partition 1 by broker 2. */
  readonly log = new SimulatedAppender(this.clock, [1, 2]);
  faults: DurabilityCheck[] | Promise<DurabilityCheck[]> = [];
  readonly clockCheck = { check: "this machine's clock", ok: true, found: "right", mend: "" };
  known: Contest | undefined;
  readonly accepting: Accepting;

  constructor(fates: AppendFate[] = []) {
    this.log.fates = fates;
    this.known = this.contest();
    const { log, clock } = this;
    const openLane = () =>
      new AppendLane(log, { batchBallotsMax: 2, appendTimeoutMs: 4_000, clock, onBatch: () => undefined });
    this.accepting = new Accepting(
      {
        ...{ log, openLane, directory: { get: () => this.known } },
        clockWatch: { check: this.clockCheck, run: async () => undefined },
        gate: { faultsOf: () => this.faults, run: async () => undefined },
      },
      { promiseMs: PROMISE_MS, clock },
    );
  }

  contest(changes: Partial<Contest> = {}): Contest {
    return {
      id: "contest",
      electionUuid: "c0ffee00-0000-4000-8000-000000000000",
      closesAtMs: null,
      sealedAtMs: null,
      buffering: { partitions: 2, ledgers: [0], topicId: "1" },
      ...changes,
    } as Contest;
  }

  /** The place it was accepted at, or the code of the problem. */
  accept(partition: number, contest = this.known!): Promise<number | string> {
    const voterKey = `0000000${partition}${"0".repeat(24)}`;
    const ballot = { contestLedgerId: 1, contestUuid: "c0ffee00-0000-4000-8000-000000000000", voterKey };
    const { clock } = this;
    return this.accepting
      .accept(
        contest,
        { ...ballot, selections: [1], nonce: "A".repeat(22), leaf: "" },
        clock.now(),
        clock.steadyMs() + 5_000,
      )
      .then(
        ({ offset }) => offset,
        (error) => (error instanceof Problem ? error.code : Promise.reject(error)),
      );
  }
}

test("a ballot is accepted in the partition of its voter", () => {
  const stage = new Stage();
  expect(stage.clock.settle(stage.accept(1))).toBe(0);
  expect(stage.log.appended.map(({ partition }) => partition)).toEqual([1]);
});

test("while the log could lose it nothing is appended", () => {
  const stage = new Stage();
  stage.faults = Promise.resolve([{ check: "min.insync.replicas", ok: false, found: "1", mend: "" }]);
  expect(stage.clock.settle(stage.accept(0))).toBe("not_recorded");
  stage.faults = new Promise(() => undefined);
  expect(
    stage.clock.settle(
      stage.accept(0, stage.contest({ buffering: { partitions: 2, ledgers: [0], topicId: null } })),
    ),
  ).toBe("not_recorded");
  expect(stage.log.calls).toEqual([]);
});

test("while this machine's clock is wrong nothing is appended", () => {
  const stage = new Stage();
  stage.clockCheck.ok = false;
  expect(stage.clock.settle(stage.accept(0))).toBe("not_recorded");
  expect(stage.log.calls).toEqual([]);
});

test("a broker that hangs holds up none of the ballots that another one leads, and is not full for them", () => {
  const stage = new Stage([{ outcome: "unknown", afterMs: 4_000 }]);
  const hanging = stage.accept(0);
  stage.clock.settle(stage.clock.pause(1));
  const waiting = [stage.accept(0), stage.accept(0)];
  expect(stage.clock.settle(stage.accept(0))).toBe("not_recorded");
  expect(stage.accepting.isFull).toBe(true);
  expect(stage.clock.settle(stage.accept(1))).toBe(0);
  expect(stage.accepting.isFull).toBe(false);
  expect(stage.clock.steadyMs()).toBeLessThan(100);
  expect(stage.clock.settle(hanging)).toBe("outcome_unknown");
  expect(stage.clock.settle(Promise.all(waiting))).toEqual([1, 2]);
});

test("nothing is promised when the barrier may be ahead of it, whatever the log said", () => {
  const stage = new Stage([{ outcome: "appended", afterMs: PROMISE_MS }]);
  const contest = stage.contest({ closesAtMs: stage.clock.now() + 1 });
  stage.known = contest;
  const early = stage.accept(0, contest);
  // What was known when it arrived does not count, but what is known when it is answered.
  const late = stage.clock.settle(early);
  expect(late).toBe(0);
  stage.log.fates = [{ outcome: "appended", afterMs: 1 }];
  expect(stage.clock.settle(stage.accept(0, contest))).toBe("outcome_unknown");
  stage.known = undefined;
  expect(stage.clock.settle(stage.accept(0, stage.contest()))).toBe("outcome_unknown");
  stage.known = stage.contest({ sealedAtMs: 1 });
  expect(stage.clock.settle(stage.accept(0, stage.contest()))).toBe("outcome_unknown");
});
