import { expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import fc from "fast-check";
import { Lane, type LaneOptions } from "../../src/recording/lane.ts";
import { type Ballot, ballotKey } from "../../src/recording/ledger.ts";
import type { Verdict } from "../../src/recording/verdict.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { eventually } from "../support/eventually.ts";
import { type Fault, SimulatedLedger } from "./simulated-ledger.ts";

const OPTIONS: LaneOptions = {
  batchBallotsMax: 4,
  waitingBallotsMax: 100,
  retryPauseMs: 0,
  retryPauseMsMax: 0,
  clock: systemClock,
  isShut: () => false,
  onAttempt: () => undefined,
};

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

/** Casts with the client's own nonce, so that a retry is the same ballot only when it really is. */
function cast(lane: Lane, given: Ballot, inMs = 5_000): Promise<Verdict> {
  const request = { selections: given.selections, clientNonce: given.nonce };
  return lane.cast(given, request, systemClock.steadyMs() + inMs);
}

/** Runs a lane while `work` goes on, and waits until it has drained. */
async function withLane<T>(ledger: SimulatedLedger, options: LaneOptions, work: (lane: Lane) => Promise<T>) {
  const lane = new Lane(ledger, ledger, options);
  const run = lane.run();
  try {
    return await work(lane);
  } finally {
    lane.drain();
    await run;
  }
}

const FAULTS = fc.constantFrom<Fault>("recorded", "refused", "lost_before", "lost_after", "late");
const CASTS = fc.array(
  fc.record({ voter: fc.integer({ min: 1, max: 6 }), selection: fc.integer({ min: 1, max: 2 }) }),
  {
    minLength: 1,
    maxLength: 25,
  },
);

test("whatever fails and whenever: every verdict is true of the ledger, and a voter is counted once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(FAULTS, { maxLength: 12 }), CASTS, async (faults, casts) => {
      const ledger = new SimulatedLedger(faults.values());
      await withLane(ledger, OPTIONS, async (lane) => {
        const ballots = casts.map(({ voter, selection }) => ballot(voter, selection));
        const verdicts = await Promise.all(ballots.map((given) => cast(lane, given)));
        const recordedBy = new Map<string, number>();
        for (const [i, verdict] of verdicts.entries()) {
          const row = ledger.ballots.get(ballotKey(ballots[i]!));
          const isIt = row?.nonce === ballots[i]!.nonce;
          if (verdict.verdict === "recorded") recordedBy.set(ballotKey(ballots[i]!), i);
          if (verdict.verdict === "recorded" || verdict.verdict === "repeated") expect(isIt).toBe(true);
          else expect(verdict).toEqual({ verdict: "already_voted" });
          if (verdict.verdict === "already_voted") expect(isIt).toBe(false);
        }
        expect(recordedBy.size).toBe(ledger.ballots.size);
      });
    }),
    { numRuns: 300 },
  );
});

test("a batch of unknown outcome keeps its place until it is known, however its voters were answered", async () => {
  let release = () => {};
  const ledger = new SimulatedLedger(["late" as const].values());
  ledger.hang = new Promise((resolve) => (release = resolve));
  await withLane(ledger, OPTIONS, async (lane) => {
    const first = ballot(1, 1);
    expect(await cast(lane, first, 200)).toMatchObject({ verdict: "outcome_unknown" });
    expect(lane.mayRecord(first)).toBe(true);
    expect(await cast(lane, ballot(2, 1), 200)).toMatchObject({ verdict: "not_recorded" });
    expect(lane.mayRecord(ballot(2, 1))).toBe(false);
    ledger.hang = undefined;
    release();
    await eventually("the late attempt is applied", () => ledger.ballots.has(ballotKey(first)));
    expect(await cast(lane, first)).toMatchObject({ verdict: "repeated" });
    await eventually("nothing is on its way", () => !lane.mayRecord(first));
  });
});

test("while the ledger is shut a ballot is refused at once", async () => {
  const ledger = new SimulatedLedger();
  await withLane(ledger, { ...OPTIONS, isShut: () => true }, async (lane) => {
    expect(await cast(lane, ballot(1, 1), Number.POSITIVE_INFINITY)).toMatchObject({
      verdict: "not_recorded",
    });
  });
  expect(ledger.attempts).toBe(0);
});

test("a ballot that never left is called not recorded, and is not recorded later", async () => {
  const refusals: Fault[] = Array.from({ length: 1_000 }, () => "refused");
  const ledger = new SimulatedLedger(refusals.values());
  const options = { ...OPTIONS, retryPauseMs: 5, retryPauseMsMax: 5 };
  await withLane(ledger, options, async (lane) => {
    expect(await cast(lane, ballot(1, 1), 150)).toMatchObject({ verdict: "not_recorded" });
    await eventually("the lane has given the batch up", () => {
      const attempts = ledger.attempts;
      return new Promise((resolve) => setTimeout(() => resolve(ledger.attempts === attempts), 50));
    });
  });
  expect(ledger.ballots.size).toBe(0);
});

test("a ballot that was given up while the lane was connecting is not recorded later", async () => {
  const ledger = new SimulatedLedger();
  const reached = Promise.withResolvers<void>();
  ledger.connecting = reached.promise;
  await withLane(ledger, OPTIONS, async (lane) => {
    const given = ballot(1, 1);
    expect(await cast(lane, given, 150)).toMatchObject({ verdict: "not_recorded" });
    ledger.connecting = undefined;
    const later = cast(lane, ballot(2, 1));
    reached.resolve();
    expect(await later).toMatchObject({ verdict: "recorded" });
    expect(ledger.ballots.has(ballotKey(given))).toBe(false);
  });
});

test("past the bound on waiting ballots a further one is refused at once", async () => {
  let release = () => {};
  const ledger = new SimulatedLedger();
  ledger.hang = new Promise((resolve) => (release = resolve));
  await withLane(ledger, { ...OPTIONS, waitingBallotsMax: 3 }, async (lane) => {
    const inFlight = cast(lane, ballot(1, 1));
    await eventually("the first is in flight", () => ledger.attempts === 1);
    const waiting = [2, 3, 4].map((voter) => cast(lane, ballot(voter, 1)));
    expect(await cast(lane, ballot(5, 1))).toMatchObject({ verdict: "not_recorded" });
    release();
    const verdicts = await Promise.all([inFlight, ...waiting]);
    expect(verdicts.map(({ verdict }) => verdict)).toEqual(Array(4).fill("recorded"));
  });
});

test("a sealed contest's ballots are answered from the ledger, the others of the batch are recorded", async () => {
  const ledger = new SimulatedLedger();
  await withLane(ledger, OPTIONS, async (lane) => {
    const early = ballot(1, 1, 7);
    await cast(lane, early);
    ledger.sealed.add(7);
    const verdicts = await Promise.all([
      cast(lane, early),
      cast(lane, ballot(2, 1, 7)),
      cast(lane, ballot(2, 1, 8)),
    ]);
    expect(verdicts.map(({ verdict }) => verdict)).toEqual(["repeated", "contest_not_open", "recorded"]);
  });
});

test("a retry in the same batch as a new ballot of its voter gets the first receipt", async () => {
  const ledger = new SimulatedLedger();
  await withLane(ledger, OPTIONS, async (lane) => {
    const first = ballot(1, 1);
    await cast(lane, first);
    const verdicts = await Promise.all([cast(lane, ballot(1, 2)), cast(lane, first)]);
    expect(verdicts.map(({ verdict }) => verdict)).toEqual(["already_voted", "repeated"]);
  });
});
