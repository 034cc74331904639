/**
 * A gateway whose processor is the limit, in the time of a processor that does one thing after the other: it reads all
 * that has arrived, and refusing costs it less than half of what recording does.
 */
import { drainMicrotasks } from "bun:jsc";
import { expect, test } from "bun:test";
import fc from "fast-check";
import { Intake } from "../../src/casting/intake.ts";
import { type Clock, systemClock } from "../../src/runtime/clock.ts";
import { Turns } from "../../src/runtime/turns.ts";

const CROWD = 1_000;
const UNREAD_MS_MAX = 10;
const UNDER_WAY_MIN = 50;
const OPTIONS = {
  unreadMsMax: UNREAD_MS_MAX,
  windowMs: 50,
  underWayMin: UNDER_WAY_MIN,
  crowdBallots: CROWD,
  calmMs: 1_000,
};
/** Of what a ballot costs that is recorded, its reading; the rest is its answer. */
const READING = 0.5;
const FULL = 1.05;

type Told = { isRecorded: boolean; waitedMs: number };

class Processor {
  nowMs = 0;
  private turnEnds: (() => void)[] = [];
  private readonly clock: Clock = {
    ...systemClock,
    steadyMs: () => this.nowMs,
    nextTurn: () => new Promise((resolve) => this.turnEnds.push(resolve)),
  };
  private readonly intake = new Intake({ ...OPTIONS, turns: new Turns(this.clock), clock: this.clock });
  /** Those that were read in the turn before the last one, and in the last one. */
  private batches: { answer: () => void }[][] = [[], []];

  constructor(
    private readonly perSecond: number,
    /** What a refusal costs, of what a ballot costs that is recorded. */
    private readonly refusal = 0.4,
  ) {}

  private get ballotMs(): number {
    return 1000 / this.perSecond;
  }

  /** What is told whom, of ballots that arrive evenly, so many times as many as can be recorded. */
  load(times: number, seconds: number): Told[] {
    const startMs = this.nowMs;
    const count = Math.round(times * this.perSecond * seconds);
    return this.serve(Array.from({ length: count }, (_, i) => startMs + (i * seconds * 1000) / count));
  }

  crowd(ballots: number): Told[] {
    return this.serve(Array.from({ length: ballots }, () => this.nowMs));
  }

  idle(ms: number): this {
    this.nowMs += ms;
    return this;
  }

  private serve(arrivals: readonly number[]): Told[] {
    const told: Told[] = [];
    let next = 0;
    const isBusy = () => this.batches.some((batch) => batch.length > 0) || this.turnEnds.length > 0;
    while (next < arrivals.length || isBusy()) {
      if (!isBusy()) this.nowMs = Math.max(this.nowMs, arrivals[next]!);
      const turnAtMs = this.nowMs;
      const batch: { answer: () => void }[] = [];
      for (; next < arrivals.length && arrivals[next]! <= turnAtMs; next++) {
        this.read(arrivals[next]!, batch, told);
      }
      this.endTurn(batch);
    }
    return told;
  }

  private read(arrivedAtMs: number, batch: { answer: () => void }[], told: Told[]): void {
    if (!this.intake.letsIn()) {
      this.nowMs += this.refusal * this.ballotMs;
      told.push({ isRecorded: false, waitedMs: this.nowMs - arrivedAtMs });
      return;
    }
    this.nowMs += READING * this.ballotMs;
    this.intake.begin();
    const answer = () => {
      this.nowMs += (1 - READING) * this.ballotMs;
      told.push({ isRecorded: true, waitedMs: this.nowMs - arrivedAtMs });
      this.intake.end();
    };
    batch.push({ answer });
  }

  /** A batch is answered in the second turn after it was read, as with a ledger that is fast. */
  private endTurn(batch: { answer: () => void }[]): void {
    for (const { answer } of this.batches.shift()!) answer();
    this.batches.push(batch);
    this.nowMs += 0.1;
    for (const end of this.turnEnds.splice(0)) end();
    drainMicrotasks();
  }
}

function waitMs(told: readonly Told[], share: number): number {
  const waits = told.map(({ waitedMs }) => waitedMs).sort((a, b) => a - b);
  return waits[Math.floor(share * (waits.length - 1))]!;
}

const isRecorded = (told: Told) => told.isRecorded;
const isRefused = (told: Told) => !told.isRecorded;

const PROCESSORS = fc.record({
  perSecond: fc.integer({ min: 2_000, max: 8_000 }),
  refusal: fc.double({ min: 0.1, max: 0.42, noNaN: true }),
});
const RUNS = { numRuns: Math.ceil(Number(process.env.URNA_SCHEDULES ?? 300) / 60) };

test("at twice what it can record whoever is let in waits no more than twice as long as at full load", () => {
  const holds = fc.property(PROCESSORS, ({ perSecond, refusal }) => {
    const gateway = new Processor(perSecond, refusal);
    // A crowd is let in at first; and a little more than it can record, so that it always has enough to do.
    gateway.load(FULL, 2);
    const full = gateway.load(FULL, 2).filter(isRecorded);
    gateway.load(2, 1);
    const told = gateway.load(2, 2);
    const recorded = told.filter(isRecorded);
    // What the fewest take that are always under way: the more where a slow processor refuses dearly.
    const fewestMs = UNDER_WAY_MIN / (recorded.length / 2000);
    for (const share of [0.5, 0.99]) {
      expect(waitMs(recorded, share)).toBeLessThanOrEqual(2 * Math.max(waitMs(full, share), fewestMs));
      expect(waitMs(told.filter(isRefused), share)).toBeLessThanOrEqual(waitMs(full, share));
    }
    // Each refusal takes from them what it costs, and no more.
    const left = (1 - 2 * refusal) / (1 - refusal);
    expect(recorded.length).toBeGreaterThan(0.8 * left * perSecond * 2);
  });
  fc.assert(holds, RUNS);
});

test("within a second of the end of twice the load all is as it was before", () => {
  const holds = fc.property(PROCESSORS, ({ perSecond, refusal }) => {
    const gateway = new Processor(perSecond, refusal);
    const before = gateway.load(0.5, 1);
    gateway.load(2, 2);
    gateway.load(0.5, 1);
    const after = gateway.load(0.5, 1);
    expect(after.every(isRecorded)).toBe(true);
    expect(waitMs(after, 1)).toBeLessThanOrEqual(waitMs(before, 1) + UNREAD_MS_MAX);
  });
  fc.assert(holds, RUNS);
});

test("a crowd at one instant is let in, again and again, on a processor of any speed", () => {
  for (const perSecond of [100, 1_000, 10_000]) {
    const gateway = new Processor(perSecond);
    for (let crowds = 0; crowds < 3; crowds++) {
      expect(gateway.idle(2_000).crowd(CROWD).every(isRecorded)).toBe(true);
    }
  }
});

test("up to full load nobody is refused", () => {
  for (const load of [0.1, 0.5, 0.9]) {
    expect(new Processor(5_000).load(load, 2).every(isRecorded)).toBe(true);
  }
});
