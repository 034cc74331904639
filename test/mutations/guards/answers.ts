/** Guards: what voters are told. */
import type { Guard } from "../guard.ts";

const LANES = "test/properties/lanes.test.ts";

export const ANSWERS: Guard[] = [
  {
    name: "nonce",
    without: "a client's nonce tells a retry from another ballot",
    file: "src/recording/verdict.ts",
    text: "(request.clientNonce === null || request.clientNonce === ballot.nonce)",
    becomes: "true",
    noticedBy: [LANES, "every verdict is true"],
  },
  {
    name: "selections",
    without: "other selections are another ballot",
    file: "src/recording/verdict.ts",
    text: "sameSelections(request.selections, ballot.selections) &&",
    becomes: "",
    noticedBy: [LANES, "every verdict is true"],
  },
  {
    name: "not-open-before-the-seal",
    without: "nobody is told contest_not_open between close and seal",
    file: "src/casting/cast.ts",
    text: "if (!isClosingAt(contest, arrival.atMs)) {",
    becomes: "if (!isClosingAt(contest, arrival.atMs) || contest !== null) {",
    noticedBy: ["test/casting/late.test.ts", "a ballot on its way through another gateway"],
  },
  {
    name: "on-its-way-is-told",
    without: "a ballot on its way is not called absent",
    file: "src/casting/cast.ts",
    text: 'return isOnItsWay ? { status: "on_its_way" } : { status: "none" };',
    becomes: 'return { status: isOnItsWay ? "none" : "none" };',
    noticedBy: ["test/casting/late.test.ts", "a ballot on its way through this gateway"],
  },
  {
    name: "known-refuses-nobody",
    without: "what was known a moment ago refuses nobody",
    file: "src/casting/cast.ts",
    text: "let contest = ofElection(await this.fresh(contestId, arrival), voter);",
    becomes: "let contest = await this.contest(contestId, voter, arrival);",
    noticedBy: ["test/casting/contest-states.test.ts", "draft, then opened"],
  },
  {
    name: "fresh-is-fresh",
    without: "a look-up under way answers nobody who asked later",
    file: "src/contests/directory.ts",
    text: `      this.next = undefined;
      return this.read([...ids]);`,
    becomes: `      return this.read([...ids]).finally(() => {
        this.next = undefined;
      });`,
    noticedBy: ["test/contests/directory.test.ts", "is shared by those who ask before it is sent"],
  },
];
