/** Guards: what a buffered contest rests on before it closes, and strangers in its log. */
import type { Guard } from "../guard.ts";

const BUFFERED_CONTESTS = "test/contests/buffered-contests.test.ts";

export const BUFFERED_CLOSES: readonly Guard[] = [
  {
    name: "few-look-ups-at-once",
    without: "a stranger's contests are all looked up at once",
    file: "src/buffering/block-maker.ts",
    text: "from += LOOK_UPS_AT_ONCE) {\n    const some = uuids.slice(from, from + LOOK_UPS_AT_ONCE);",
    becomes: "from += uuids.length) {\n    const some = uuids;",
    noticedBy: ["test/buffering/partition-drain.test.ts", "are looked up a few at a time"],
  },
  {
    name: "close-is-fixed",
    without: "barriers are written for a close that may still move",
    file: "src/contests/sealer.ts",
    text: "if (!(await this.store.isCloseFixed(contest))) return false;",
    becomes: "await this.store.isCloseFixed(contest);",
    noticedBy: ["test/contests/sealer.test.ts", "no barrier is written for a close that may still move"],
  },
  {
    name: "close-is-asked-under-its-lock",
    without: "whether a close is fixed is asked past whoever is moving it",
    file: "src/postgres/contest-store.ts",
    text: "await rows.lockContest(session, ledgerId);\n      const [contest] = await rows.selectContests(session, [uuid]);\n      return",
    becomes: "const [contest] = await rows.selectContests(session, [uuid]);\n      return",
    noticedBy: ["test/postgres/contest-store.test.ts", "while somebody is moving a close it is not fixed"],
  },
  {
    name: "ledgers-are-told-later",
    without: "a ledger that was not told of a contest is never told",
    file: "src/contests/buffered-contests.ts",
    text: "await this.addContest(contest);\n          copied.add(contest.uuid);",
    becomes: "copied.add(contest.uuid);",
    noticedBy: [
      "test/contests/buffered-contests.test.ts",
      "a ledger that was not told of a contest is told later",
    ],
  },
  {
    name: "slow-clock-answers",
    without: "a clock that was read slowly is taken for right",
    file: "src/recording/clock-watch.ts",
    text: "if (isUndecided(reading, this.options.differMsMax)) return;",
    becomes: "",
    noticedBy: ["test/recording/clock-watch.test.ts", "it is wrong until it has been compared"],
  },
  {
    name: "barrier-wait",
    without: "no barrier is written while gateways may still promise",
    file: "src/contests/buffered-contests.ts",
    text: "if (clock.now() < contest.closesAtMs! + drainMsMin) return false;",
    becomes: "",
    noticedBy: [BUFFERED_CONTESTS, "barriers go into every partition"],
  },
  {
    name: "barrier-everywhere",
    without: "a contest is sealed only when every partition has met its barrier",
    file: "src/contests/buffered-contests.ts",
    text: "return missing.length === 0;",
    becomes: "return met.size > 0;",
    noticedBy: [BUFFERED_CONTESTS, "barriers go into every partition"],
  },
  {
    name: "barrier-clock",
    without: "no barrier is written by a clock that is wrong",
    file: "src/contests/buffered-contests.ts",
    text: 'if (fault !== null) throw new Problem("not_available", fault);',
    becomes: "",
    noticedBy: [BUFFERED_CONTESTS, "no barrier is written by a clock that is wrong"],
  },
];
