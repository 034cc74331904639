/** Which commits that nobody waits for any more still count against the bound. */
import { expect, test } from "bun:test";
import { AbandonedCommits } from "../../src/postgres/abandoned-commits.ts";

test("a commit that was abandoned after the confirmed one was sent still counts", () => {
  const abandoned = new AbandonedCommits(2);
  abandoned.add();
  const confirmed = abandoned.beforeCommit();
  abandoned.add();
  expect(abandoned.areTooMany).toBe(true);
  confirmed();
  expect(abandoned.areTooMany).toBe(false);
  abandoned.add();
  expect(abandoned.areTooMany).toBe(true);
});
