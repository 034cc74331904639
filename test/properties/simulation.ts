/** Runs a schedule: gateways with real lanes on a simulated ledger, in virtual time. The same schedule runs the same way. */
import { Lanes } from "../../src/casting/lanes.ts";
import { gather } from "../../src/recording/batch.ts";
import { Lane } from "../../src/recording/lane.ts";
import {
  type Ballot,
  ballotKey,
  type RecordedBallot,
  type RecordOutcome,
} from "../../src/recording/ledger.ts";
import type { CastRequest, Verdict } from "../../src/recording/verdict.ts";
import { type Network, SimulatedFinder, SimulatedWriter, SMOOTH } from "../recording/simulated-connection.ts";
import { SimulatedLedger } from "../recording/simulated-ledger.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { CONTESTS, type Schedule, type Step, VOTERS } from "./schedules.ts";

/** One request to cast a ballot, and what it was told when. */
export type Cast = {
  gateway: number;
  ballot: Ballot;
  request: CastRequest;
  castAtMs: number;
  deadlineMs: number;
  /** What was so when it was cast. */
  wasShut: boolean;
  wasFull: boolean;
  told?: {
    verdict: Verdict;
    atMs: number;
    /** What was so when it was told. */
    isSealedForGood: boolean;
    wasSent: boolean;
  };
};

/** A contest that no schedule seals. */
const PROBED_CONTEST = CONTESTS;
const PROBE_PATIENCE_MS = 60_000;

export class Simulation {
  readonly clock = new VirtualClock();
  readonly ledger = new SimulatedLedger(this.clock);
  readonly casts: Cast[] = [];
  /** Of new voters, one a lane, once everything goes smoothly again. */
  readonly probes: Cast[] = [];
  /** What no schedule may lead to. */
  readonly broken: string[] = [];
  /** The outcomes of all attempts to record, in their order. */
  readonly attempts: RecordOutcome["outcome"][] = [];
  /** Calls that came to the ledger after whoever made them had given them up. */
  cameLate = 0;
  waitingBallotsMost = 0;
  private readonly gateways: Lanes[] = [];
  private readonly lanes: { lane: Lane; writer: SimulatedWriter }[] = [];
  private isShut = false;
  private drained = 0;
  private ballots = 0;
  private fates: Schedule["fates"];
  /** By ballot, where it was cast: whoever records one has it from there. */
  private readonly gatewayOf = new Map<Ballot, Lanes>();

  constructor(readonly schedule: Schedule) {
    this.fates = [...schedule.fates];
    this.ledger.onRecorded = (ballot) => {
      const isKnown = this.gatewayOf.get(ballot)?.mayRecord(ballot) ?? true;
      if (!isKnown)
        this.broken.push(`${ballotKey(ballot)} was recorded, and its gateway took it for settled`);
    };
    for (let i = 0; i < schedule.gateways; i++) this.gateways.push(this.openGateway());
  }

  run(): this {
    const { random } = Math;
    let drawn = 0;
    Math.random = () => this.schedule.jitter[drawn++ % this.schedule.jitter.length]!;
    try {
      this.takeSteps();
      this.calmDown();
      this.probe();
      this.drain();
    } finally {
      Math.random = random;
    }
    return this;
  }

  row(ballot: Ballot): RecordedBallot | undefined {
    return this.ledger.ballots.get(ballotKey(ballot));
  }

  private openGateway(): Lanes {
    const { clock, ledger, schedule } = this;
    const isShut = () => this.isShut;
    const network: Network = {
      ...{ clock, ledger, isShut },
      nextFate: () => this.fates.shift() ?? SMOOTH,
      onBroken: (what) => this.broken.push(what),
      onLate: () => this.cameLate++,
    };
    const lanes = Array.from({ length: schedule.lanes }, () => {
      const writer = new SimulatedWriter(network);
      const lane = new Lane(writer, new SimulatedFinder(network), {
        ...{ clock, isShut, retryPauseMs: 10, retryPauseMsMax: 200 },
        batchBallotsMax: schedule.batchBallotsMax,
        onAttempt: ({ outcome }) => this.attempts.push(outcome),
      });
      this.lanes.push({ lane, writer });
      lane.run().then(
        () => this.drained++,
        (error: Error) => this.broken.push(`a lane ended: ${error.message}`),
      );
      return lane;
    });
    return new Lanes(lanes);
  }

  private takeSteps(): void {
    let atMs = 0;
    let taken = 0;
    for (const step of this.schedule.steps) {
      atMs += step.afterMs;
      this.clock.after(atMs, () => {
        this.take(step);
        taken++;
      });
    }
    this.clock.run(() => taken === this.schedule.steps.length && this.casts.every(({ told }) => told));
  }

  private take(step: Step): void {
    const { ledger } = this;
    switch (step.what) {
      case "cast":
        this.casts.push(this.cast(step.gateway, this.askedFor(step), step.patienceMs));
        return;
      case "seal":
        ledger.seal(step.contest, step.replicatesMs);
        return;
      case "fence":
        ledger.fence(this.streamOf(step), 1);
        return;
      case "intrude":
        this.intrude(step);
        return;
      case "restart":
        ledger.restart();
        return;
      case "fail_over":
        ledger.failOver();
        return;
      case "freeze":
        ledger.freezeStandby();
        return;
      case "thaw":
        ledger.thawStandby();
        return;
      case "shut":
      case "open":
        this.isShut = step.what === "shut";
    }
  }

  private streamOf({ stream }: { stream: number }): number {
    return 1 + (stream % Math.max(1, this.ledger.streams.size));
  }

  /** A writer that was taken for gone writes the stream's next place. */
  private intrude(step: Extract<Step, { what: "fence" | "intrude" }>): void {
    const streamId = this.streamOf(step);
    if (!this.ledger.streams.has(streamId)) return;
    const ballot = this.newBallot(step.voter, step.contest, 3);
    this.ledger.record(this.ledger.head(streamId), gather([ballot], this.clock.now()).batch, 1, false);
  }

  private newBallot(voter: number, contestLedgerId: number, selection: number): Ballot {
    const voterKey = voter.toString(16).padStart(4, "0").padEnd(32, "0");
    const nonce = `nonce-${this.ballots++}`;
    return { contestLedgerId, contestUuid: "", voterKey, selections: [selection], nonce, leaf: "" };
  }

  private askedFor(step: Extract<Step, { what: "cast" }>): Pick<Cast, "ballot" | "request"> {
    const ballot = this.newBallot(step.voter, step.contest, step.selection);
    const last = this.casts.findLast((cast) => ballotKey(cast.ballot) === ballotKey(ballot));
    if (step.ballot === "again" && last !== undefined) {
      const nonce = last.request.clientNonce ?? ballot.nonce;
      return { ballot: { ...ballot, selections: last.ballot.selections, nonce }, request: last.request };
    }
    const clientNonce = step.ballot === "anonymous" ? null : ballot.nonce;
    return { ballot, request: { selections: ballot.selections, clientNonce } };
  }

  private cast(
    gatewayNumber: number,
    { ballot, request }: Pick<Cast, "ballot" | "request">,
    patienceMs: number,
  ): Cast {
    const gateway = gatewayNumber % this.gateways.length;
    const lanes = this.gateways[gateway]!;
    const castAtMs = this.clock.steadyMs();
    const deadlineMs = castAtMs + patienceMs;
    const { lane } = this.lanes[gateway * this.schedule.lanes + this.laneNumber(ballot)]!;
    const wasFull = lane.waitingBallots >= this.schedule.batchBallotsMax;
    const cast: Cast = { gateway, ballot, request, castAtMs, deadlineMs, wasShut: this.isShut, wasFull };
    this.gatewayOf.set(ballot, lanes);
    lanes.cast(ballot, request, deadlineMs).then((verdict) => {
      if (cast.told !== undefined) this.broken.push("settled twice");
      cast.told = {
        verdict,
        atMs: this.clock.steadyMs(),
        isSealedForGood: this.ledger.isSealedForGood(ballot.contestLedgerId),
        wasSent: this.wasSent(ballot),
      };
    });
    this.waitingBallotsMost = Math.max(this.waitingBallotsMost, lane.waitingBallots);
    return cast;
  }

  private laneNumber({ voterKey }: Ballot): number {
    return Number.parseInt(voterKey.slice(0, 4), 16) % this.schedule.lanes;
  }

  private wasSent(ballot: Ballot): boolean {
    const key = ballotKey(ballot);
    return this.lanes.some(({ writer }) =>
      [...writer.sent].some(({ ballots }) => ballots.some((each) => ballotKey(each) === key)),
    );
  }

  private calmDown(): void {
    this.isShut = false;
    this.fates = [];
    this.ledger.thawStandby();
  }

  private probe(): void {
    for (const gateway of this.gateways.keys()) {
      for (let voter = VOTERS; voter < VOTERS + this.schedule.lanes; voter++) {
        const ballot = this.newBallot(voter + gateway * 100 * this.schedule.lanes, PROBED_CONTEST, 1);
        const request = { selections: ballot.selections, clientNonce: ballot.nonce };
        this.probes.push(this.cast(gateway, { ballot, request }, PROBE_PATIENCE_MS));
      }
    }
    this.clock.run(() => this.probes.every(({ told }) => told));
  }

  /** And until nothing is on its way any more, so that what comes late has come. */
  private drain(): void {
    for (const gateway of this.gateways) gateway.drain();
    this.clock.run();
    if (this.drained < this.lanes.length) this.broken.push("a lane was not drained");
  }
}
