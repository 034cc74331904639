import { expect, test } from "bun:test";
import fc from "fast-check";
import { Tailer } from "../../src/results/tailer.ts";
import { FakeLedger, FIRST, NOW_MS, SECOND, votes } from "./support.ts";

const never = new AbortController().signal;

function tailerOf(ledger: FakeLedger, { blocksMax = 100, now = () => NOW_MS } = {}) {
  const warnings: string[] = [];
  const log = { warn: (_: object, message: string) => warnings.push(message) };
  const tailer = new Tailer(ledger, { pollMs: 1, retryMsMax: 8, blocksMax, now, log: log as never });
  return { tailer, warnings };
}

/** Polls until one succeeds; a ledger that stands still is caught up with by the second at the latest. */
async function settle(tailer: Tailer): Promise<void> {
  await tailer.poll(never).catch(() => tailer.poll(never));
}

const turnout = (tailer: Tailer) => tailer.tally.turnoutOf(FIRST);

test("blocks of all streams are counted, once", async () => {
  const ledger = new FakeLedger();
  const { tailer } = tailerOf(ledger);
  ledger.append(1, votes({ 1: 2, 0: 1 }));
  ledger.append(2, votes({ 1: 3, 2: 4 }));
  await tailer.poll(never);
  ledger.append(1, votes({ 3: 5 }));
  await tailer.poll(never);
  await tailer.poll(never);
  expect(tailer.tally.counts).toEqual(ledger.sum());
  expect(turnout(tailer)).toBe(15);
  expect(tailer.blocks).toBe(3);
});

test("while nothing changes, a poll is one call, however many streams there are", async () => {
  const ledger = new FakeLedger();
  for (let stream = 1; stream <= 3_000; stream++) ledger.append(stream, votes({ 1: 1 }));
  const { tailer } = tailerOf(ledger);
  await tailer.poll(never);
  ledger.calls.length = 0;
  await tailer.poll(never);
  expect(ledger.calls).toEqual(["heads"]);
});

test("only the streams that went on are read, from where they were", async () => {
  const ledger = new FakeLedger();
  for (const stream of [1, 2, 3]) ledger.append(stream, votes({ 1: 1 }));
  const { tailer } = tailerOf(ledger);
  await tailer.poll(never);
  ledger.calls.length = 0;
  ledger.append(2, votes({ 1: 1 }));
  await tailer.poll(never);
  expect(ledger.calls).toEqual(["heads", [{ streamId: 2, fromSeq: 2, beforeSeq: 3 }]]);
});

test("catching up reads a bounded number of blocks at a time", async () => {
  const ledger = new FakeLedger();
  for (let i = 0; i < 95; i++) ledger.append(1 + (i % 7), votes({ 1: 1 }));
  const { tailer } = tailerOf(ledger, { blocksMax: 10 });
  await tailer.poll(never);
  const sizes = ledger.calls.flatMap((call) =>
    call === "heads" ? [] : [call.reduce((sum, { fromSeq, beforeSeq }) => sum + beforeSeq - fromSeq, 0)],
  );
  expect(sizes).toEqual([...new Array(9).fill(10), 5]);
  expect(turnout(tailer)).toBe(95);
});

const rewinds: Record<string, (ledger: FakeLedger) => void> = {
  "a stream is behind": (ledger) => ledger.rollBack(1, 2),
  "a stream is gone": (ledger) => ledger.rollBack(1, 3),
  "a stream has another last block": (ledger) => {
    ledger.rollBack(1, 1);
    ledger.append(1, votes({ 2: 50 }));
  },
  "a stream has other blocks and more of them": (ledger) => {
    ledger.rollBack(1, 2);
    for (let i = 0; i < 5; i++) ledger.append(1, votes({ 2: 50 }));
  },
};

for (const [name, rewind] of Object.entries(rewinds)) {
  test(`after a failover ${name}: everything is counted again`, async () => {
    const ledger = new FakeLedger();
    for (let i = 0; i < 3; i++) for (const stream of [1, 2]) ledger.append(stream, votes({ 1: 1 }));
    const { tailer } = tailerOf(ledger);
    await tailer.poll(never);
    rewind(ledger);
    await expect(tailer.poll(never)).rejects.toMatchObject({ code: "ledger_rewound" });
    expect(tailer.rebuilds).toBe(1);
    await tailer.poll(never);
    expect(tailer.tally.counts).toEqual(ledger.sum());
    expect(tailer.rebuilds).toBe(1);
  });
}

test("the ledger goes back between the heads and the blocks", async () => {
  const ledger = new FakeLedger();
  ledger.append(1, votes({ 1: 1 }));
  const { tailer } = tailerOf(ledger);
  await tailer.poll(never);
  ledger.append(1, votes({ 1: 1 }));
  ledger.before = (call) => {
    if (call === "blocks") ledger.rollBack(1, 1);
  };
  await expect(tailer.poll(never)).rejects.toMatchObject({ code: "blocks_missing" });
  ledger.before = () => undefined;
  await tailer.poll(never);
  expect(turnout(tailer)).toBe(1);
});

test("a block that chains, but is in another place than the next, is not counted", async () => {
  const ledger = new FakeLedger();
  ledger.append(1, votes({ 1: 1 }));
  ledger.append(1, votes({ 1: 1 }));
  ledger.streams.get(1)![1]!.seq = 3;
  const { tailer } = tailerOf(ledger);
  await expect(tailer.poll(never)).rejects.toMatchObject({ code: "ledger_rewound" });
  expect(tailer.asOfMs).toBeNull();
});

test("while everything is counted again, the figures of before go on being shown, and say how old they are", async () => {
  const ledger = new FakeLedger();
  let nowMs = NOW_MS;
  const { tailer } = tailerOf(ledger, { blocksMax: 1, now: () => nowMs });
  for (let i = 0; i < 4; i++) ledger.append(1, votes({ 1: 1 }));
  await tailer.poll(never);
  ledger.rollBack(1, 2);
  ledger.append(1, votes({ 2: 1 }));
  nowMs += 1_000;
  await tailer.poll(never).catch(() => undefined);
  const shown: number[] = [];
  ledger.before = (call) => {
    if (call === "blocks") shown.push(turnout(tailer));
    if (shown.length === 3) ledger.failure = new Error("the database went away");
  };
  await expect(tailer.poll(never)).rejects.toThrow("went away");
  expect(shown).toEqual([4, 4, 4]);
  expect([turnout(tailer), tailer.asOfMs]).toEqual([4, NOW_MS]);
  ledger.failure = undefined;
  ledger.before = () => undefined;
  await tailer.poll(never);
  expect([turnout(tailer), tailer.asOfMs]).toEqual([3, NOW_MS + 1_000]);
});

test("a ledger that can't be read leaves the figures as they were, and how old they are", async () => {
  const ledger = new FakeLedger();
  let nowMs = NOW_MS;
  const { tailer } = tailerOf(ledger, { now: () => nowMs });
  expect(tailer.asOfMs).toBeNull();
  ledger.append(1, votes({ 1: 1 }));
  await tailer.poll(never);
  ledger.append(1, votes({ 1: 1 }));
  ledger.failure = new Error("the database went away");
  nowMs += 5_000;
  await expect(tailer.poll(never)).rejects.toThrow("went away");
  expect([turnout(tailer), tailer.asOfMs, tailer.failures]).toEqual([1, NOW_MS, 1]);
  ledger.failure = undefined;
  await tailer.poll(never);
  expect([turnout(tailer), tailer.asOfMs]).toEqual([2, NOW_MS + 5_000]);
});

test("what was recorded while a poll was under way is not claimed: as of is when it began", async () => {
  const ledger = new FakeLedger();
  let nowMs = NOW_MS;
  const { tailer } = tailerOf(ledger, { now: () => nowMs });
  ledger.before = () => {
    nowMs += 300;
  };
  ledger.append(1, votes({ 1: 1 }));
  await tailer.poll(never);
  expect(tailer.asOfMs).toBe(NOW_MS);
});

test("it runs on over failures, less and less often, until the signal", async () => {
  const ledger = new FakeLedger();
  const { tailer, warnings } = tailerOf(ledger);
  ledger.append(1, votes({ 1: 1 }));
  ledger.failure = new Error("the database went away");
  const end = new AbortController();
  const fiveFailures = new Promise<void>((resolve) => {
    ledger.before = () => {
      if (ledger.calls.length === 5) resolve();
    };
  });
  const running = tailer.run(end.signal);
  await fiveFailures;
  const counted = new Promise<void>((resolve) => {
    ledger.before = (call) => (call === "blocks" ? resolve() : undefined);
  });
  ledger.failure = undefined;
  await counted;
  end.abort();
  await running;
  expect(warnings.length).toBeGreaterThanOrEqual(4);
  expect(turnout(tailer)).toBe(1);
});

test("it stops in the middle of catching up", async () => {
  const ledger = new FakeLedger();
  for (let i = 0; i < 100; i++) ledger.append(1, votes({ 1: 1 }));
  const { tailer } = tailerOf(ledger, { blocksMax: 1 });
  const end = new AbortController();
  ledger.before = () => {
    if (ledger.calls.length === 10) end.abort();
  };
  await tailer.run(end.signal);
  expect(tailer.blocks).toBeLessThan(11);
  expect(tailer.asOfMs).toBeNull();
});

type Step = (ledger: FakeLedger, tailer: () => Tailer, restart: () => void) => Promise<void> | void;

const stream = fc.integer({ min: 1, max: 4 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .tuple(stream, fc.constantFrom(FIRST, SECOND), fc.nat(3), fc.integer({ min: 1, max: 9 }))
      .map(
        ([id, uuid, option, count]): Step =>
          (ledger) =>
            ledger.append(id, votes({ [option]: count }, uuid)),
      ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(stream, fc.integer({ min: 1, max: 5 })).map(
      ([id, blocks]): Step =>
        (ledger) =>
          ledger.rollBack(id, blocks),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.constant<Step>((_, tailer) =>
      tailer()
        .poll(never)
        .catch(() => undefined),
    ),
  },
  { weight: 1, arbitrary: fc.constant<Step>((_, __, restart) => restart()) },
  {
    weight: 1,
    arbitrary: fc.constant<Step>(async (ledger, tailer) => {
      ledger.failure = new Error("the database went away");
      await tailer()
        .poll(never)
        .catch(() => undefined);
      ledger.failure = undefined;
    }),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(stream, fc.integer({ min: 1, max: 3 })).map(
      ([id, blocks]): Step =>
        async (ledger, tailer) => {
          ledger.before = (call) => {
            if (call === "blocks") ledger.rollBack(id, blocks);
          };
          await tailer()
            .poll(never)
            .catch(() => undefined);
          ledger.before = () => undefined;
        },
    ),
  },
);

test("whatever happened, once the ledger stands still the tally is the sum of its blocks", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      fc.integer({ min: 1, max: 6 }),
      async (steps, blocksMax) => {
        const ledger = new FakeLedger();
        let { tailer } = tailerOf(ledger, { blocksMax });
        for (const each of steps) {
          await each(
            ledger,
            () => tailer,
            () => {
              tailer = tailerOf(ledger, { blocksMax }).tailer;
            },
          );
        }
        await settle(tailer);
        expect(tailer.tally.counts).toEqual(ledger.sum());
      },
    ),
    { numRuns: 500 },
  );
});
