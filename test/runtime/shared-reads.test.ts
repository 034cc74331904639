import { expect, test } from "bun:test";
import { ReadsOverloadedError, SharedReads } from "../../src/runtime/shared-reads.ts";

/** Reads that wait until they are answered, and what each was asked for. */
function reads(options = { askersMax: 10, keysMax: 4 }) {
  const asked: { keys: readonly number[]; answer: (rows: number[]) => void; fail: (error: Error) => void }[] =
    [];
  const shared = new SharedReads<number, number>(
    (keys) => new Promise((answer, fail) => asked.push({ keys, answer, fail })),
    String,
    options,
  );
  /** Lets everything that has been settled run on. */
  const settled = () => new Promise((resolve) => setTimeout(resolve));
  return { shared, asked, settled };
}

test("who asks while a read is under way shares the next one, and gets its own rows", async () => {
  const { shared, asked, settled } = reads();
  const first = shared.ask([1]);
  const others = [shared.ask([2, 3]), shared.ask([3]), shared.ask([4])];
  expect(asked.map(({ keys }) => keys)).toEqual([[1]]);
  asked[0]!.answer([1]);
  expect(await first).toEqual([1]);
  await settled();
  expect(asked[1]!.keys).toEqual([2, 3, 3, 4]);
  asked[1]!.answer([4, 3]);
  expect(await Promise.all(others)).toEqual([[3], [3], [4]]);
});

test("a read takes no more keys than it may, unless one asker brings them", async () => {
  const { shared, asked, settled } = reads();
  const all = [shared.ask([1]), shared.ask([2, 3, 4]), shared.ask([5, 6]), shared.ask([1, 2, 3, 4, 5, 6])];
  for (let i = 0; i < 4; i++) {
    asked[i]!.answer([...asked[i]!.keys]);
    await settled();
  }
  expect(asked.map(({ keys }) => keys.length)).toEqual([1, 3, 2, 6]);
  expect((await Promise.all(all)).flat()).toHaveLength(12);
});

test("a failed read fails those who share it, and nobody else", async () => {
  const { shared, asked, settled } = reads();
  const first = shared.ask([1]);
  const second = shared.ask([2]);
  asked[0]!.fail(new Error("gone"));
  expect(first).rejects.toThrow("gone");
  await settled();
  asked[1]!.answer([2]);
  expect(await second).toEqual([2]);
});

test("past the bound on waiting askers a further one is refused at once", async () => {
  const { shared, asked, settled } = reads({ askersMax: 2, keysMax: 4 });
  const first = shared.ask([1]);
  const waiting = [shared.ask([2]), shared.ask([3])];
  const refused = shared.ask([4]).catch((error) => error);
  asked[0]!.answer([1]);
  await settled();
  asked[1]!.answer([2, 3]);
  expect((await Promise.all([first, ...waiting])).flat()).toEqual([1, 2, 3]);
  expect(await refused).toBeInstanceOf(ReadsOverloadedError);
});
