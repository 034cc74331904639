/**
 * What lanes promise, whatever fails and whenever: several gateways with real lanes on one simulated ledger, tried on
 * schedules at random. A schedule that breaks a promise is made as short as it can be and printed with its seed and path.
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { ballotKey } from "../../src/recording/ledger.ts";
import { SCHEDULES } from "./schedules.ts";
import { type Cast, Simulation } from "./simulation.ts";

const RUNS = Number(process.env.URNA_SCHEDULES ?? 300);

/** A lane looks at its deadlines so often: one that is nearer than that may be missed by as much. */
const SWEEP_MS = 100;

/** Holds after every schedule. */
function holds(promise: string, expectKept: (simulation: Simulation) => void): void {
  test(promise, () => {
    fc.assert(
      fc.property(SCHEDULES, (schedule) => expectKept(new Simulation(schedule).run())),
      { numRuns: RUNS },
    );
  });
}

const told = (cast: Cast) => cast.told!.verdict;

holds("every verdict is true of the ledger in the end", (simulation) => {
  for (const cast of simulation.casts) {
    const row = simulation.row(cast.ballot);
    const verdict = told(cast);
    const { selections, clientNonce } = cast.request;
    const isAskedFor =
      row?.selections[0] === selections[0] && (clientNonce === null || clientNonce === row?.nonce);
    switch (verdict.verdict) {
      case "recorded":
        expect(row).toEqual(verdict.ballot);
        expect(simulation.ledger.origins.get(ballotKey(cast.ballot))).toBe(cast.ballot);
        break;
      case "repeated":
        expect(row).toEqual(verdict.ballot);
        expect(isAskedFor).toBe(true);
        break;
      case "already_voted":
        expect(row).toBeDefined();
        expect(isAskedFor).toBe(false);
        break;
      case "contest_not_open":
        expect(row).toBeUndefined();
        break;
      case "not_recorded":
        // Another request of the voter's, with the same ballot, may have been.
        expect(simulation.ledger.origins.get(ballotKey(cast.ballot))).not.toBe(cast.ballot);
        break;
      case "outcome_unknown":
        break;
    }
  }
});

holds("at most one ballot a voter, told to be new to one request at most; ballots = blocks", (simulation) => {
  const { ballots, streams } = simulation.ledger;
  const inBlocks = [...streams.values()].flatMap(({ blocks }) => blocks.flatMap((block) => block.ballots));
  expect(inBlocks.map(ballotKey).sort()).toEqual([...ballots.keys()].sort());
  const isNew = (cast: Cast) => told(cast).verdict === "recorded";
  const news = simulation.casts.filter(isNew).map(({ ballot }) => ballotKey(ballot));
  expect(news.length).toBe(new Set(news).size);
});

holds("every cast settles by its deadline, once", (simulation) => {
  for (const { told, castAtMs, deadlineMs } of simulation.casts) {
    expect(told!.atMs).toBeLessThanOrEqual(Math.max(deadlineMs, castAtMs + SWEEP_MS));
  }
  expect(simulation.broken.filter((what) => what === "settled twice")).toEqual([]);
});

holds("a batch whose outcome is open keeps its place until it is known", (simulation) => {
  expect(simulation.broken.filter((what) => what.startsWith("place"))).toEqual([]);
});

holds("contest_not_open is told under a seal that no failover can undo", (simulation) => {
  for (const { told } of simulation.casts) {
    if (told!.verdict.verdict === "contest_not_open") expect(told!.isSealedForGood).toBe(true);
  }
});

holds("nothing is recorded that its gateway took for settled", (simulation) => {
  expect(simulation.broken.filter((what) => what.includes("was recorded"))).toEqual([]);
});

holds("doubt is told only of what was sent", (simulation) => {
  for (const cast of simulation.casts) {
    if (told(cast).verdict === "outcome_unknown") expect(cast.told!.wasSent).toBe(true);
  }
});

holds("past the bound, and while the gate is shut, a ballot is refused at once", (simulation) => {
  const { batchBallotsMax } = simulation.schedule;
  expect(simulation.waitingBallotsMost).toBeLessThanOrEqual(batchBallotsMax);
  for (const cast of simulation.casts) {
    if (!cast.wasFull && !cast.wasShut) continue;
    expect([told(cast).verdict, cast.told!.atMs]).toEqual(["not_recorded", cast.castAtMs]);
  }
});

holds("lanes recover by themselves, and drain", (simulation) => {
  for (const probe of simulation.probes) expect(told(probe).verdict).toBe("recorded");
  expect(simulation.broken.filter((what) => what.startsWith("a lane"))).toEqual([]);
});
