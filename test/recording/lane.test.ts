import { expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { Lane, type LaneOptions } from "../../src/recording/lane.ts";
import { type Ballot, ballotKey } from "../../src/recording/ledger.ts";
import type { Verdict } from "../../src/recording/verdict.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { type Fate, SimulatedFinder, SimulatedWriter, SMOOTH } from "./simulated-connection.ts";
import { SimulatedLedger } from "./simulated-ledger.ts";

/** At once: at no instant is an attempt under way. */
const REFUSED: Fate = { ...SMOOTH, does: "refuses", arrivesMs: 0, answersMs: 0 };
/** Connecting and opening a stream, which a lane does first. */
const OPENED = [SMOOTH, SMOOTH];

function ballot(voter: number, selection: number, contestLedgerId = 1): Ballot {
  const voterKey = createHash("md5").update(String(voter)).digest("hex");
  return {
    contestLedgerId,
    contestUuid: "",
    voterKey,
    selections: [selection],
    nonce: randomBytes(16).toString("base64url"),
    leaf: randomBytes(32).toString("base64url"),
  };
}

/** A lane whose calls to the ledger have these fates, and after them none but smooth ones; drained when disposed of. */
class Stage implements Disposable {
  readonly clock = new VirtualClock();
  readonly ledger = new SimulatedLedger(this.clock);
  readonly writer: SimulatedWriter;
  readonly lane: Lane;

  constructor(fates: readonly Fate[], options: Partial<LaneOptions> = {}) {
    const { clock, ledger } = this;
    const left = fates.values();
    const network = {
      ...{ clock, ledger, isShut: () => false },
      nextFate: () => left.next().value ?? SMOOTH,
      onBroken: (what: string) => {
        throw new Error(what);
      },
    };
    this.writer = new SimulatedWriter(network);
    this.lane = new Lane(this.writer, new SimulatedFinder(network), {
      ...{ clock, isShut: () => false, onAttempt: () => undefined },
      ...{ batchBallotsMax: 4, retryPauseMs: 5, retryPauseMsMax: 5 },
      ...options,
    });
    void this.lane.run();
  }

  /** With the client's own nonce, so that a retry is the same ballot only when it really is. */
  cast(given: Ballot, patienceMs = 5_000): Promise<Verdict> {
    const request = { selections: given.selections, clientNonce: given.nonce };
    return this.lane.cast(given, request, this.clock.steadyMs() + patienceMs);
  }

  told(given: Ballot, patienceMs?: number): Verdict {
    return this.clock.settle(this.cast(given, patienceMs));
  }

  allTold(...given: Ballot[]): Verdict["verdict"][] {
    const verdicts = this.clock.settle(Promise.all(given.map((each) => this.cast(each))));
    return verdicts.map(({ verdict }) => verdict);
  }

  [Symbol.dispose](): void {
    this.lane.drain();
    this.clock.run();
  }
}

test("a batch of unknown outcome keeps its place until it is known, however its voters were answered", () => {
  const late = { ...SMOOTH, arrivesMs: 2_000 };
  const unreachable = Array.from({ length: 1_000 }, () => REFUSED);
  using stage = new Stage([...OPENED, late, ...unreachable]);
  const first = ballot(1, 1);
  expect(stage.told(first, 200)).toMatchObject({ verdict: "outcome_unknown" });
  expect(stage.lane.mayRecord(first)).toBe(true);
  expect(stage.told(ballot(2, 1), 200)).toMatchObject({ verdict: "not_recorded" });
  expect(stage.lane.mayRecord(ballot(2, 1))).toBe(false);
  expect(stage.ledger.ballots.size).toBe(0);
  expect(stage.told(first, 60_000)).toMatchObject({ verdict: "repeated" });
  stage.clock.run(() => !stage.lane.mayRecord(first));
  expect(stage.ledger.ballots.size).toBe(1);
});

test("the next batch is on its way before the voters of the last one are told", () => {
  using stage = new Stage(OPENED);
  let attemptsWhenTold = 0;
  const told = stage.cast(ballot(1, 1)).then(() => {
    attemptsWhenTold = stage.writer.attempts;
  });
  stage.clock.run(() => stage.writer.attempts === 1);
  void stage.cast(ballot(2, 1));
  stage.clock.settle(told);
  expect(attemptsWhenTold).toBe(2);
});

test("while the ledger is shut a ballot is refused at once", () => {
  using stage = new Stage([], { isShut: () => true });
  expect(stage.told(ballot(1, 1))).toMatchObject({ verdict: "not_recorded" });
  expect([stage.writer.attempts, stage.clock.steadyMs()]).toEqual([0, 0]);
});

test("a ballot that never left is called not recorded, and is not recorded later", () => {
  const refusals = Array.from({ length: 1_000 }, () => REFUSED);
  using stage = new Stage([...OPENED, ...refusals]);
  const given = ballot(1, 1);
  expect(stage.told(given, 150)).toMatchObject({ verdict: "not_recorded" });
  stage.clock.run(() => !stage.lane.mayRecord(given));
  const { attempts } = stage.writer;
  stage.clock.settle(stage.clock.pause(10_000));
  expect([stage.writer.attempts, stage.ledger.ballots.size]).toEqual([attempts, 0]);
});

test("a ballot that was given up while the lane was connecting is not recorded later", () => {
  using stage = new Stage([{ ...SMOOTH, arrivesMs: 250 }]);
  const given = ballot(1, 1);
  expect(stage.told(given, 150)).toMatchObject({ verdict: "not_recorded" });
  expect(stage.told(ballot(2, 1))).toMatchObject({ verdict: "recorded" });
  expect(stage.ledger.ballots.has(ballotKey(given))).toBe(false);
});

test("while the next batch is full a further ballot is refused at once", () => {
  using stage = new Stage([...OPENED, { ...SMOOTH, answersMs: 200 }]);
  const inFlight = stage.cast(ballot(1, 1));
  stage.clock.run(() => stage.writer.attempts === 1);
  const waiting = [2, 3, 4, 5].map((voter) => stage.cast(ballot(voter, 1)));
  const refusedAtMs = stage.clock.steadyMs();
  expect(stage.told(ballot(6, 1))).toMatchObject({ verdict: "not_recorded" });
  expect(stage.clock.steadyMs()).toBe(refusedAtMs);
  const verdicts = stage.clock.settle(Promise.all([inFlight, ...waiting]));
  expect(verdicts.map(({ verdict }) => verdict)).toEqual(Array(5).fill("recorded"));
});

test("a sealed contest's ballots are answered from the ledger, the others of the batch are recorded", () => {
  using stage = new Stage([]);
  const early = ballot(1, 1, 7);
  stage.told(early);
  stage.ledger.seal(7, 1);
  expect(stage.allTold(early, ballot(2, 1, 7), ballot(2, 1, 8))).toEqual([
    "repeated",
    "contest_not_open",
    "recorded",
  ]);
});

test("a retry in the same batch as a new ballot of its voter gets the first receipt", () => {
  using stage = new Stage([]);
  const first = ballot(1, 1);
  stage.told(first);
  expect(stage.allTold(ballot(1, 2), first)).toEqual(["already_voted", "repeated"]);
});
