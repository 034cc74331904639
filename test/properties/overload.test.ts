/**
 * Twice as many ballots as a ledger can record, in virtual time: what is too much is refused at once, and what is taken
 * waits little longer than at full load, however long batches take and however many lanes there are.
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { Lanes } from "../../src/casting/lanes.ts";
import { Lane } from "../../src/recording/lane.ts";
import type { Ballot } from "../../src/recording/ledger.ts";
import type { Verdict } from "../../src/recording/verdict.ts";
import { type Network, SimulatedFinder, SimulatedWriter, SMOOTH } from "../recording/simulated-connection.ts";
import { SimulatedLedger } from "../recording/simulated-ledger.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const RUNS = Math.ceil(Number(process.env.URNA_SCHEDULES ?? 300) / 6);
const BATCHES = 12;
const RECOVERY_MS = 1_000;

/** `batchMs` are how long a lane's batches take, in turn. */
type Machine = { lanes: number; batchBallotsMax: number; batchMs: number[] };

const MACHINES: fc.Arbitrary<Machine> = fc.record({
  lanes: fc.integer({ min: 1, max: 3 }),
  batchBallotsMax: fc.integer({ min: 1, max: 20 }),
  batchMs: fc
    .integer({ min: 10, max: 250 })
    .chain((mostMs) =>
      fc.array(fc.integer({ min: Math.ceil(mostMs / 2), max: mostMs }), { minLength: 1, maxLength: 4 }),
    ),
});

type Told = { verdict: Verdict["verdict"]; castAtMs: number; waitedMs: number };

/** A gateway whose lanes are connected, and wait. */
class Stage {
  readonly clock = new VirtualClock();
  readonly lanes: Lanes;
  /** At once, in all lanes together. */
  waitingMost = 0;
  private readonly casts: Promise<Told>[] = [];
  private voters = 0;

  constructor(private readonly machine: Machine) {
    const ledger = new SimulatedLedger(this.clock);
    this.lanes = new Lanes(Array.from({ length: machine.lanes }, () => this.openLane(ledger)));
    this.burst(machine.lanes);
    this.told();
  }

  /** How long a lane is busy with so many batches, on average. */
  get spanMs(): number {
    const { batchMs } = this.machine;
    return (BATCHES * batchMs.reduce((sum, ms) => sum + ms, 0)) / batchMs.length;
  }

  /** So many times as many ballots as fill every batch, evenly. */
  load(times: number): this {
    const { lanes, batchBallotsMax } = this.machine;
    const ballots = times * BATCHES * lanes * batchBallotsMax;
    for (let i = 0; i < ballots; i++) this.clock.after((i * this.spanMs) / ballots, () => this.cast());
    this.clock.settle(this.clock.pause(this.spanMs));
    return this;
  }

  burst(ballots: number): this {
    for (let i = 0; i < ballots; i++) this.cast();
    return this;
  }

  /** What became of all that was cast since the last time. */
  told(): Told[] {
    return this.clock.settle(Promise.all(this.casts.splice(0)));
  }

  private openLane(ledger: SimulatedLedger): Lane {
    const { clock, machine } = this;
    let calls = 0;
    const network: Network = {
      ...{ clock, ledger, isShut: () => false },
      // The way there, the standby's confirmation and the way back are the batch's time.
      nextFate: () => ({ ...SMOOTH, arrivesMs: machine.batchMs[calls++ % machine.batchMs.length]! - 2 }),
      onBroken: (what) => {
        throw new Error(what);
      },
    };
    const lane = new Lane(new SimulatedWriter(network), new SimulatedFinder(network), {
      ...{ clock, isShut: () => false, onAttempt: () => undefined },
      ...{ batchBallotsMax: machine.batchBallotsMax, retryPauseMs: 5, retryPauseMsMax: 5 },
    });
    void lane.run();
    return lane;
  }

  /** Each lane in turn: the first digits of a voter key choose it. */
  private cast(): void {
    const voter = this.voters++;
    const lane = (voter % this.machine.lanes).toString(16).padStart(4, "0");
    const ballot: Ballot = {
      ...{ contestLedgerId: 1, contestUuid: "", leaf: "", nonce: String(voter), selections: [1] },
      voterKey: lane + voter.toString(16).padStart(28, "0"),
    };
    const castAtMs = this.clock.steadyMs();
    const request = { selections: ballot.selections, clientNonce: ballot.nonce };
    const verdict = this.lanes.cast(ballot, request, castAtMs + 60_000);
    this.casts.push(
      verdict.then(({ verdict }) => ({ verdict, castAtMs, waitedMs: this.clock.steadyMs() - castAtMs })),
    );
    this.waitingMost = Math.max(this.waitingMost, this.lanes.waitingBallots);
  }
}

/** Holds on every machine. */
function holds(promise: string, expectKept: (machine: Machine) => void): void {
  test(promise, () => fc.assert(fc.property(MACHINES, expectKept), { numRuns: RUNS }));
}

const isRecorded = ({ verdict }: Told) => verdict === "recorded";

/** Those who were recorded: how long they waited, the shortest first. */
const waitsMs = (told: Told[]) =>
  told
    .filter(isRecorded)
    .map(({ waitedMs }) => waitedMs)
    .sort((a, b) => a - b);

const median = (sorted: number[]) => sorted[Math.floor(sorted.length / 2)]!;

holds("at twice full load what is recorded waits no more than twice as long, and is no less", (machine) => {
  const full = waitsMs(new Stage(machine).load(1).told());
  const twice = waitsMs(new Stage(machine).load(2).told());
  expect(twice.length).toBeGreaterThanOrEqual(full.length);
  expect(median(twice)).toBeLessThanOrEqual(2 * median(full));
  // For the batch in flight, and for its own: that is what the longest wait is at full load too.
  expect(twice.at(-1)!).toBeLessThanOrEqual(2 * Math.max(...machine.batchMs));
});

holds(
  "at twice full load the rest is refused at once, and no more waits than a batch of each lane",
  (machine) => {
    const stage = new Stage(machine).load(2);
    const refused = stage.told().filter((told) => !isRecorded(told));
    expect(refused.length).toBeGreaterThan(0);
    for (const { verdict, waitedMs } of refused) expect([verdict, waitedMs]).toEqual(["not_recorded", 0]);
    expect(stage.waitingMost).toBeLessThanOrEqual(machine.lanes * machine.batchBallotsMax);
  },
);

holds("within a second of the end of twice full load nothing waits, and all is as it was", (machine) => {
  const stage = new Stage(machine).load(2);
  stage.clock.settle(stage.clock.pause(RECOVERY_MS));
  expect(stage.lanes.waitingBallots).toBe(0);
  stage.told();
  const after = stage.burst(machine.lanes).told();
  expect(after.every(isRecorded)).toBe(true);
  expect(waitsMs(after).at(-1)!).toBeLessThanOrEqual(Math.max(...machine.batchMs));
});

holds("a batch for each lane at one instant is refused nobody where nothing is under way", (machine) => {
  const told = new Stage(machine).burst(machine.lanes * machine.batchBallotsMax).told();
  expect(told.every(isRecorded)).toBe(true);
});
