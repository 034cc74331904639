/** The sealer's decisions, against a ledger that says what the test wants. */
import { expect, test } from "bun:test";
import type { BufferedContests } from "../../src/contests/buffered-contests.ts";
import { Sealer } from "../../src/contests/sealer.ts";
import type { ContestStore } from "../../src/contests/store.ts";
import type { Contest } from "../../src/election/contest.ts";
import type { ContestTally } from "../../src/election/tally.ts";
import { systemClock } from "../../src/runtime/clock.ts";

const contest = {
  uuid: "c0ffee00-0000-4000-8000-000000000000",
  options: [],
  sealedAtMs: null,
  closeIsKnown: true,
  buffering: null,
} as unknown as Contest;

const PROMPTLY = { drainMs: 0, pollMs: 1, recountPauseMs: 1, recountPauseMsMax: 1, clock: systemClock };

/** Runs a sealer on one closed contest until it is final or `failuresMax` attempts have failed. */
async function finish(ledger: Pick<ContestStore, "seal" | "tallies">, failuresMax = 1) {
  const end = new AbortController();
  const steps: string[] = [];
  const errors: Error[] = [];
  const store = {
    contestsToFinish: async () => (steps.includes("publish") ? [] : [contest]),
    seal: async (...given: Parameters<ContestStore["seal"]>) => {
      steps.push("seal");
      await ledger.seal(...given);
    },
    tallies: async (given: Contest) => {
      steps.push("count");
      return ledger.tallies(given);
    },
    publishFinal: async () => {
      steps.push("publish");
      end.abort();
    },
  } as unknown as ContestStore;
  const sealer = new Sealer(store, {
    ...PROMPTLY,
    buffered: null,
    announceAgain: async () => steps.push("announce"),
    onFinal: () => undefined,
    onError: (_, error) => {
      errors.push(error);
      if (errors.length === failuresMax) end.abort();
    },
  });
  await sealer.run(end.signal);
  return { steps, errors };
}

const counts = (...votes: [number, number][]): ContestTally => new Map(votes);

test("sealed, counted twice, then published", async () => {
  const tally = counts([1, 2], [0, 1]);
  const ledger = { seal: async () => undefined, tallies: async () => ({ ballots: tally, blocks: tally }) };
  expect(await finish(ledger)).toEqual({ steps: ["seal", "count", "publish"], errors: [] });
});

test("a contest without a ballot becomes final too", async () => {
  const ledger = {
    seal: async () => undefined,
    tallies: async () => ({ ballots: counts(), blocks: counts() }),
  };
  expect((await finish(ledger)).steps).toEqual(["seal", "count", "publish"]);
});

test.each([
  ["a vote for another option", counts([1, 2]), counts([1, 1], [2, 1])],
  ["a ballot without a block", counts([1, 2]), counts([1, 1])],
  ["a block without a ballot", counts([1, 1]), counts([1, 2])],
  ["ballots and no block at all", counts([1, 1]), counts()],
])("%s: not final, however often it is tried", async (_, ballots, blocks) => {
  const ledger = { seal: async () => undefined, tallies: async () => ({ ballots, blocks }) };
  const { steps, errors } = await finish(ledger, 3);
  expect(steps).not.toContain("publish");
  expect(errors).toHaveLength(3);
  for (const { message } of errors) expect(message).toStartWith("the counts disagree: ");
});

test("inserts that are open for long: tried again until the seal holds, never counted before", async () => {
  let attempts = 0;
  const ledger = {
    seal: async () => {
      if (++attempts < 3) throw new Error("canceling statement due to lock timeout");
    },
    tallies: async () => ({ ballots: counts(), blocks: counts() }),
  };
  const { steps, errors } = await finish(ledger, 10);
  expect(steps).toEqual(["seal", "seal", "seal", "count", "publish"]);
  expect(errors).toHaveLength(2);
});

test("a count that hangs keeps no other contest from being final", async () => {
  const [hanging, other] = [contest, { ...contest, uuid: "decaf000-0000-4000-8000-000000000000" }];
  const end = new AbortController();
  const hangs = Promise.withResolvers<never>();
  const final: string[] = [];
  const store = {
    contestsToFinish: async () => [hanging, other].filter(({ uuid }) => !final.includes(uuid)),
    seal: async () => undefined,
    tallies: async ({ uuid }: Contest) =>
      uuid === hanging.uuid ? hangs.promise : { ballots: counts(), blocks: counts() },
    publishFinal: async ({ uuid }: Contest) => {
      final.push(uuid);
      end.abort();
      hangs.reject(new Error("the connection was cut"));
    },
  } as unknown as ContestStore;
  const sealer = new Sealer(store, {
    ...PROMPTLY,
    buffered: null,
    announceAgain: async () => undefined,
    onFinal: () => undefined,
    onError: () => undefined,
  });
  await sealer.run(end.signal);
  expect(final).toEqual([other.uuid]);
});

test("no barrier is written for a close that may still move", async () => {
  const buffering = { partitions: 1, ledgers: [0], topicId: "id" };
  const steps: string[] = [];
  let isFixed = false;
  const end = new AbortController();
  const store = {
    contestsToFinish: async () => [{ ...contest, buffering }],
    isCloseFixed: async () => {
      steps.push(isFixed ? "fixed" : "not fixed");
      if (isFixed) return true;
      isFixed = true;
      return false;
    },
  } as unknown as ContestStore;
  const buffered = {
    passBarriers: async () => {
      steps.push("barriers");
      end.abort();
      return false;
    },
  } as unknown as BufferedContests;
  const sealer = new Sealer(store, {
    ...{ ...PROMPTLY, buffered, announceAgain: async () => undefined },
    ...{ onFinal: () => undefined, onError: () => undefined },
  });
  await sealer.run(end.signal);
  expect(steps).toEqual(["not fixed", "fixed", "barriers"]);
});
