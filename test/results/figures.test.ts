/** Figures of contests whose ballots are in several ledgers. */
import { expect, test } from "bun:test";
import { Figures } from "../../src/results/figures.ts";
import { Tailer } from "../../src/results/tailer.ts";
import { contestOf, FakeLedger, FIRST, NOW_MS, SECOND, votes } from "./support.ts";

const never = new AbortController().signal;

class Stage {
  nowMs = NOW_MS;
  readonly ledgers = [new FakeLedger(), new FakeLedger(), new FakeLedger()];
  readonly tailers = this.ledgers.map(
    (ledger) =>
      new Tailer(ledger, {
        ...{ pollMs: 1, retryMsMax: 8, blocksMax: 100, now: () => this.nowMs },
        log: { warn: () => undefined },
      }),
  );
  readonly figures = new Figures(new Map(this.tailers.map((tailer, number) => [number, tailer])));

  /** Each by itself, as when they run; those that fail go on with what they had. */
  async pollAll(): Promise<void> {
    this.nowMs += 1_000;
    await Promise.allSettled(this.tailers.map((tailer) => tailer.poll(never)));
  }
}

const buffering = (ledgers: number[]) => ({ partitions: 8, ledgers, topicId: null });
const direct = contestOf();
const spread = contestOf({ uuid: SECOND, buffering: buffering([1, 2, 1]) });
const ofFirst = (uuid: string) => contestOf({ uuid, buffering: buffering([1]) });

test("a contest's figures are the sum of its own ledgers, each counted once", async () => {
  const stage = new Stage();
  stage.ledgers[0]!.append(1, votes({ 1: 5 }));
  stage.ledgers[1]!.append(1, votes({ 1: 2, 0: 1 }, SECOND), NOW_MS - 2_000);
  stage.ledgers[2]!.append(1, votes({ 1: 30, 2: 40 }, SECOND), NOW_MS - 1_000);
  await stage.pollAll();
  expect(stage.figures.tallyOf(direct)).toEqual(new Map([[1, 5]]));
  expect([...stage.figures.tallyOf(spread)!].sort()).toEqual([
    [0, 1],
    [1, 32],
    [2, 40],
  ]);
  expect(stage.figures.tallyOf(ofFirst(FIRST))).toBeUndefined();
  const { turnout, endsAtMs } = stage.figures.turnoutSeries(spread, NOW_MS + 1_500);
  expect(endsAtMs).toBe(NOW_MS + 1_500);
  expect(turnout.slice(-5)).toEqual([0, 3, 73, 73, 73]);
  // What is summed is a copy: it is not there again the next time.
  expect(stage.figures.tallyOf(spread)!.get(1)).toBe(32);
});

test("a ledger that does not answer makes its own contests' figures older, and no others'", async () => {
  const stage = new Stage();
  await stage.pollAll();
  stage.ledgers[2]!.failure = new Error("gone");
  stage.ledgers[1]!.append(1, votes({ 1: 7 }, SECOND));
  await stage.pollAll();
  expect(stage.figures.asOfMs(direct)).toBe(stage.nowMs);
  expect(stage.figures.asOfMs(ofFirst(SECOND))).toBe(stage.nowMs);
  expect(stage.figures.asOfMs(spread)).toBe(stage.nowMs - 1_000);
  // What the others have is shown all the same.
  expect(stage.figures.tallyOf(spread)).toEqual(new Map([[1, 7]]));
});

test("figures that lack a ledger are not shown as if they were whole", async () => {
  const stage = new Stage();
  stage.ledgers[2]!.failure = new Error("never there");
  await stage.pollAll();
  expect(stage.figures.asOfMs(direct)).toBe(stage.nowMs);
  expect(stage.figures.asOfMs(spread)).toBeNull();
  expect(stage.figures.asOfMs(contestOf({ buffering: buffering([0, 9]) }))).toBeNull();
});

test("a failover of one ledger counts that one again, and the others stay as they are", async () => {
  const stage = new Stage();
  for (const ledger of stage.ledgers) for (let i = 0; i < 3; i++) ledger.append(1, votes({ 1: 1 }, SECOND));
  await stage.pollAll();
  stage.ledgers[1]!.rollBack(1, 2);
  stage.ledgers[2]!.append(1, votes({ 1: 1 }, SECOND));
  await stage.pollAll();
  expect(stage.tailers.map(({ rebuilds }) => rebuilds)).toEqual([0, 1, 0]);
  // As it was before, until it is counted.
  expect(stage.figures.tallyOf(spread)).toEqual(new Map([[1, 7]]));
  expect(stage.figures.asOfMs(spread)).toBe(stage.nowMs - 1_000);
  for (const ledger of stage.ledgers) ledger.calls.length = 0;
  await stage.pollAll();
  expect(stage.figures.tallyOf(spread)).toEqual(new Map([[1, 5]]));
  expect(stage.figures.asOfMs(spread)).toBe(stage.nowMs);
  expect(stage.ledgers.map(({ calls }) => calls.length)).toEqual([1, 2, 1]);
});
