/** The directory against a ledger that answers when the test says so. */
import { afterEach, describe, expect, test } from "bun:test";
import { ContestDirectory, DirectoryOverloadedError } from "../../src/contests/directory.ts";
import type { Contest } from "../../src/election/contest.ts";
import { handClock } from "../support/hand-clock.ts";

type Read = { ids: readonly string[]; answer: (titles: Record<string, string>) => void; fail: () => void };

const opened: ContestDirectory[] = [];
afterEach(async () => {
  for (const directory of opened.splice(0)) await directory[Symbol.asyncDispose]();
});

function directoryOf({ refreshMs = 3_600_000, contestsMax = 10 } = {}) {
  const clock = handClock();
  const reads: Read[] = [];
  const errors: Error[] = [];
  const findContests = (ids: readonly string[]) =>
    new Promise<Contest[]>((resolve, reject) => {
      reads.push({
        ids,
        answer: (titles) =>
          resolve(
            Object.entries(titles).map(
              ([id, title]) =>
                ({
                  id,
                  uuid: `uuid of ${id}`,
                  title,
                  finalAtMs: null,
                  buffering: null,
                }) as unknown as Contest,
            ),
          ),
        fail: () => reject(new Error("no primary")),
      });
    });
  const directory = new ContestDirectory(
    { findContests },
    {
      refreshMs,
      bufferedLifetimeMs: 60_000,
      lifetimeMs: 100,
      contestsMax,
      clock,
      onError: (error) => errors.push(error),
    },
  );
  opened.push(directory);
  const until = async (count: number) => {
    while (reads.length < count) await new Promise(setImmediate);
  };
  return { directory, clock, reads, errors, until };
}

describe("what is known", () => {
  test("is believed for its lifetime, counted from when it was asked for, by id and by uuid", async () => {
    const { directory, clock, reads, until } = directoryOf();
    const asked = directory.fresh("a");
    await until(1);
    clock.nowMs += 60;
    reads[0]!.answer({ a: "A" });
    expect((await asked)?.title).toBe("A");
    clock.nowMs += 40;
    expect([directory.get("a")?.title, directory.get("uuid of a")?.title]).toEqual(["A", "A"]);
    clock.nowMs += 1;
    expect(directory.get("a")).toBeUndefined();
    expect(directory.lastKnown("a")?.title).toBe("A");
    expect(directory.lastKnown("b")).toBeUndefined();
  });

  test("is bounded: the oldest are forgotten", async () => {
    const { directory, reads, until } = directoryOf({ contestsMax: 2 });
    for (const [i, id] of ["a", "b", "c"].entries()) {
      const asked = directory.fresh(id);
      await until(i + 1);
      reads[i]!.answer({ [id]: id });
      await asked;
    }
    expect(["a", "b", "c"].map((id) => directory.get(id)?.id)).toEqual([undefined, "b", "c"]);
  });
});

describe("a look-up", () => {
  test("is shared by those who ask before it is sent, and by nobody after: its answer may be older than they", async () => {
    const { directory, reads, until } = directoryOf();
    const early = [directory.fresh("a"), directory.fresh("a"), directory.fresh("b")];
    await until(1);
    const late = [directory.fresh("a"), directory.fresh("c")];
    expect(reads.map(({ ids }) => ids)).toEqual([["a", "b"]]);
    reads[0]!.answer({ a: "old" });
    expect((await Promise.all(early)).map((contest) => contest?.title)).toEqual(["old", "old", undefined]);
    await until(2);
    expect(reads[1]!.ids).toEqual(["a", "c"]);
    reads[1]!.answer({ a: "new" });
    expect((await Promise.all(late)).map((contest) => contest?.title)).toEqual(["new", undefined]);
    expect(await late[1]).toBeNull();
  });

  test("that fails fails those who shared it, and the next one is asked", async () => {
    const { directory, reads, until } = directoryOf();
    const failing = directory.fresh("a");
    await until(1);
    const next = directory.fresh("a");
    reads[0]!.fail();
    await expect(failing).rejects.toThrow("no primary");
    await until(2);
    reads[1]!.answer({ a: "A" });
    expect((await next)?.title).toBe("A");
  });

  test("takes a bounded number of contests, and any number of askers", async () => {
    const { directory, reads, until } = directoryOf();
    const first = directory.fresh("first");
    await until(1);
    const asked = Array.from({ length: 1_000 }, (_, i) => directory.fresh(`contest-${i}`));
    await expect(directory.fresh("one-more")).rejects.toThrow(DirectoryOverloadedError);
    const again = directory.fresh("contest-7");
    reads[0]!.answer({});
    await until(2);
    expect(reads[1]!.ids).toHaveLength(1_000);
    reads[1]!.answer({ "contest-7": "Seven" });
    expect((await again)?.title).toBe("Seven");
    expect((await Promise.all(asked)).filter((contest) => contest !== null)).toHaveLength(1);
    expect(await first).toBeNull();
  });
});

test("an answer that comes late does not take the place of what was asked for after it", async () => {
  const { directory, clock, reads, until } = directoryOf({ refreshMs: 1 });
  const first = directory.fresh("a");
  await until(1);
  reads[0]!.answer({ a: "old" });
  await first;
  await until(2);
  clock.nowMs += 10;
  const later = directory.fresh("a");
  await until(3);
  reads[2]!.answer({ a: "new" });
  await later;
  reads[1]!.answer({ a: "old" });
  // The next refresh begins when that one has ended.
  await until(4);
  expect(directory.get("a")?.title).toBe("new");
});

test("refreshing asks for what is known, one round at a time, and reports what fails", async () => {
  const { directory, clock, reads, errors, until } = directoryOf({ refreshMs: 1 });
  const asked = directory.fresh("a");
  await until(1);
  reads[0]!.answer({ a: "old" });
  await asked;
  await until(2);
  expect(reads[1]!.ids).toEqual(["a"]);
  // Many rounds are due meanwhile.
  await Bun.sleep(20);
  expect(reads).toHaveLength(2);
  clock.nowMs += 50;
  reads[1]!.fail();
  await until(3);
  expect(errors.map(({ message }) => message)).toEqual(["no primary"]);
  reads[2]!.answer({ a: "new" });
  while (directory.get("a")?.title !== "new") await new Promise(setImmediate);
});
