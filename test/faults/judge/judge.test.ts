/** The judge catches what it is there for: each history here but the honest ones has one thing wrong with it. */
import { describe, expect, test } from "bun:test";
import { ANA, BEN, History, receiptOf, sent } from "./staged-history.ts";

/** Ana's ballot was acknowledged, and everything about it is right. */
function honest(): History {
  return new History().acknowledge(sent(ANA), ANA).record(ANA).check(ANA);
}

describe("an honest history has no findings", () => {
  test("acknowledged and final", () => {
    expect(honest().judge()).toEqual({
      ...{ ballots: 1, acknowledged: 1, accepted: 0, unknown: 0, refused: 0, final: 1 },
      findings: [],
    });
  });

  test("unknown, and final or not", () => {
    const history = honest();
    history.lose(history.send(sent(BEN))).record(BEN);
    const absent = { ...BEN, voter: "cleo" };
    history.tell(history.send(sent(absent)), 503, "outcome_unknown");
    history.send({ ...sent(BEN), voter: "dan" }); // never answered
    history.tell(history.send({ ...sent(BEN), voter: "eve" }), 500, "internal_error");
    const { findings, unknown } = history.judge();
    expect({ findings, unknown }).toEqual({ findings: [], unknown: 4 });
  });

  test("unknown, then acknowledged, then acknowledged again with the same receipt", () => {
    const history = new History();
    history
      .lose(history.send(sent(ANA)))
      .acknowledge(sent(ANA), ANA)
      .acknowledge(sent(ANA), ANA);
    expect(history.record(ANA).check(ANA).judge()).toMatchObject({
      ballots: 1,
      acknowledged: 1,
      findings: [],
    });
  });

  test("refused, and not recorded; another ballot of the voter's refused as already_voted", () => {
    const history = honest()
      .refuse(sent(BEN))
      .refuse({ ...sent(ANA), nonce: "other" }, "already_voted");
    expect(history.judge()).toMatchObject({ ballots: 3, refused: 2, findings: [] });
  });

  test("asked for before it was recorded, and after; and in vain", () => {
    const history = new History();
    history.lose(history.send(sent(ANA))).tell(history.send(sent(ANA), "find"), 404, "no_such_ballot");
    history
      .tell(history.send(sent(ANA), "find"), 200, null, receiptOf(ANA))
      .lose(history.send(sent(ANA), "find"));
    expect(history.record(ANA).check(ANA).judge()).toMatchObject({
      acknowledged: 1,
      unknown: 0,
      findings: [],
    });
  });

  test("without a nonce of the voter's", () => {
    const history = new History().acknowledge({ ...sent(ANA), nonce: null }, ANA);
    expect(history.record(ANA).check(ANA).kinds()).toEqual([]);
  });

  test("acknowledged in a silence what was sent before it", () => {
    const history = new History();
    const id = history.send(sent(ANA));
    history.silent(() => history.tell(id, 201, null, receiptOf(ANA)).refuse(sent(BEN)));
    expect(history.record(ANA).check(ANA).kinds()).toEqual([]);
  });
});

describe("found is", () => {
  test("a lost ballot", () => {
    expect(new History().acknowledge(sent(ANA), ANA).check(ANA).kinds()).toEqual(["lost"]);
  });

  test("a ballot of which a voter was told that another one was recorded, and none is", () => {
    expect(new History().refuse(sent(ANA), "already_voted").kinds()).toEqual(["told_falsely"]);
  });

  test("a ballot of which a voter was told that another one was recorded, and it is this one", () => {
    const history = new History();
    history.lose(history.send(sent(ANA))).refuse(sent(ANA), "already_voted");
    expect(history.record(ANA).kinds()).toEqual(["told_falsely"]);
  });

  test("a voter who asked for the ballot and was told that there is none, after it was acknowledged", () => {
    const history = honest();
    expect(history.tell(history.send(sent(ANA), "find"), 404, "no_such_ballot").kinds()).toEqual([
      "told_falsely",
    ]);
  });

  test("a ballot that was shown to the voter who asked, and is lost", () => {
    const history = new History();
    history.lose(history.send(sent(ANA))).tell(history.send(sent(ANA), "find"), 200, null, receiptOf(ANA));
    expect(history.check(ANA).kinds()).toEqual(["lost"]);
  });

  test("a voter with two ballots in the ledger", () => {
    const second = { ...ANA, nonce: "n9", seq: 8 };
    const history = honest().record(second);
    history.lose(history.send(sent(second)));
    expect(history.kinds()).toEqual(["doubled"]);
  });

  test("a voter with two ballots acknowledged", () => {
    const second = { ...ANA, nonce: "n9", seq: 8 };
    const history = honest().acknowledge(sent(second), second).check(second);
    expect(history.kinds()).toEqual(["doubled", "changed"]);
  });

  test.each([
    ["selections", { selections: [1] }],
    ["nonce", { nonce: "n9" }],
    ["place", { index: 5 }],
  ])("a ballot with other %s than what was acknowledged", (_, changes) => {
    const history = new History()
      .acknowledge(sent(ANA), ANA)
      .record({ ...ANA, ...changes })
      .check(ANA);
    expect(history.kinds()).toContain("changed");
  });

  test("a ballot that was acknowledged with two receipts", () => {
    expect(
      honest()
        .acknowledge(sent(ANA), { ...ANA, seq: 8 })
        .kinds(),
    ).toEqual(["changed"]);
  });

  test("a receipt for another ballot than the one that was sent", () => {
    const history = new History()
      .acknowledge({ ...sent(ANA), selections: [3] }, ANA)
      .record(ANA)
      .check(ANA);
    expect(history.kinds()).toContain("changed");
  });

  test("a phantom: recorded, and whoever sent it was told that it is not", () => {
    expect(honest().refuse(sent(BEN)).record(BEN).kinds()).toEqual(["phantom"]);
  });

  test("a phantom: of nobody who cast one", () => {
    expect(honest().record(BEN).kinds()).toEqual(["phantom"]);
  });

  test.each([
    ["the voter's own ballot is not found", { found: null }],
    ["another receipt is found", { found: receiptOf(BEN) }],
    ["it does not verify", { verified: "unknown_receipt" }],
  ])("a receipt: %s", (_, changes) => {
    const history = new History().acknowledge(sent(ANA), ANA).record(ANA).check(ANA, changes);
    expect(history.kinds()).toEqual(["receipt_not_found"]);
  });

  test("a receipt that nobody asked for again", () => {
    expect(new History().acknowledge(sent(ANA), ANA).record(ANA).kinds()).toEqual(["receipt_not_found"]);
  });

  test.each(["blocks", "tally"] as const)("a difference of ballots and %s", (which) => {
    const history = honest();
    history[which] = new Map([[2, 2]]);
    expect(history.kinds()).toEqual(["counts_differ"]);
  });

  test("what the recount finds", () => {
    const history = honest();
    history.recount = ["1 × broken_chain"];
    expect(history.kinds()).toEqual(["counts_differ"]);
  });

  test.each([
    ["recorded", 201, null],
    ["already_voted", 409, "already_voted"],
  ] as const)("an answer in a silence: %s", (_, status, code) => {
    const history = honest();
    const other = { ...sent(ANA), nonce: "other" };
    history.silent(() =>
      code === null ? history.acknowledge(sent(ANA), ANA) : history.tell(history.send(other), status, code),
    );
    expect(history.kinds()).toEqual(["told_in_silence"]);
  });
});
