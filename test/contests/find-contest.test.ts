/** What becomes of a directory's failures when a person asks for a contest. */
import { expect, test } from "bun:test";
import { type ContestDirectory, DirectoryOverloadedError } from "../../src/contests/directory.ts";
import { findContest } from "../../src/contests/find-contest.ts";
import { Problem } from "../../src/runtime/problem.ts";

const finding = (error: Error) =>
  findContest(
    { get: () => undefined, fresh: () => Promise.reject(error) } as unknown as ContestDirectory,
    "mayor",
  );

test("too many questions at once are told as such, and what lies behind is kept for the log", async () => {
  const overloaded = new DirectoryOverloadedError("more than 1000");
  await expect(finding(overloaded)).rejects.toMatchObject({ code: "not_available", cause: overloaded });
});

test("a bug stays a bug, and a problem stays itself", async () => {
  for (const error of [
    new TypeError("a bug"),
    new Problem("not_available", "the ledger does not answer now"),
  ])
    await expect(finding(error)).rejects.toBe(error);
});
