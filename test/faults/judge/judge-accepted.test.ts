/** The judge catches what may befall accepted ballots; see judge.test.ts. */
import { describe, expect, test } from "bun:test";
import type { AcceptedReceipt } from "../../../src/election/receipt.ts";
import { ANA, History, sent } from "./staged-history.ts";

/** Ana's ballot was accepted, and is recorded in the end. */
function kept(): { history: History; receipt: AcceptedReceipt } {
  const history = new History();
  const receipt = history.accept(sent(ANA));
  return { history: history.record(ANA).fate("ana", receipt, "recorded", ANA), receipt };
}

describe("an honest history of accepted ballots has no findings", () => {
  test("accepted and final; nobody was told more", () => {
    expect(kept().history.judge()).toMatchObject({ ballots: 1, accepted: 1, acknowledged: 0, findings: [] });
  });

  test("accepted, and followed until it was recorded", () => {
    const { history } = kept();
    history.follow(sent(ANA), "accepted").follow(sent(ANA), "recorded", ANA).check(ANA);
    expect(history.judge()).toMatchObject({ ballots: 1, accepted: 1, acknowledged: 1, findings: [] });
  });

  test("accepted twice: both receipts are of the one that is recorded", () => {
    const { history } = kept();
    const again = history.accept(sent(ANA));
    expect(history.fate("ana", again, "recorded", ANA).judge()).toMatchObject({ ballots: 1, findings: [] });
  });

  test("two accepted ballots of a voter: one is recorded, the other one its duplicate", () => {
    const { history } = kept();
    const other = { ...sent(ANA), selections: [1], nonce: "other" };
    history.fate("ana", history.accept(other), "duplicate").follow(other, "duplicate");
    expect(history.judge()).toMatchObject({ ballots: 2, accepted: 2, findings: [] });
  });

  test("accepted, and a duplicate of one whose sender never had an answer", () => {
    const history = new History().record(ANA);
    history.lose(history.send(sent(ANA)));
    const other = { ...sent(ANA), nonce: "other" };
    expect(history.fate("ana", history.accept(other), "duplicate").kinds()).toEqual([]);
  });

  test("accepted without a nonce of the voter's", () => {
    const history = new History();
    const receipt = history.accept({ ...sent(ANA), nonce: null });
    const row = { ...ANA, nonce: receipt.nonce };
    expect(history.record(row).fate("ana", receipt, "recorded", row).kinds()).toEqual([]);
  });

  test("acknowledged while nothing may be accepted", () => {
    const { history } = kept();
    history.silent(() => history.follow(sent(ANA), "recorded", ANA), "accepted").check(ANA);
    expect(history.kinds()).toEqual([]);
  });
});

describe("of accepted ballots, found is", () => {
  test("a lost one", () => {
    const history = new History();
    const receipt = history.accept(sent(ANA));
    expect(history.fate("ana", receipt, "accepted").kinds()).toEqual(["lost", "broken_promise"]);
  });

  test("a lost one that is said to be recorded", () => {
    const history = new History();
    const receipt = history.accept(sent(ANA));
    expect(history.fate("ana", receipt, "recorded", ANA).kinds()).toEqual(["lost", "changed"]);
  });

  test("one that is said to be recorded at two places", () => {
    const { history } = kept();
    const again = history.accept(sent(ANA));
    const kinds = history.fate("ana", again, "recorded", { ...ANA, seq: 8 }).kinds();
    expect(kinds).toEqual(["changed", "doubled"]);
  });

  test("a voter of whom two are recorded", () => {
    const second = { ...ANA, selections: [1], nonce: "other", seq: 8 };
    const { history } = kept();
    const receipt = history.accept(sent(second));
    const kinds = history.record(second).fate("ana", receipt, "recorded", second).kinds();
    expect(kinds).toEqual(["doubled", "doubled"]);
  });

  test.each(["rejected", "accepted", "unknown_receipt"])("one that is %s in the end", (fate) => {
    const history = new History();
    const receipt = history.accept(sent(ANA));
    expect(history.record(ANA).fate("ana", receipt, fate).kinds()).toEqual(["broken_promise"]);
  });

  test("one whose voter was told that it is rejected", () => {
    const { history } = kept();
    expect(history.follow(sent(ANA), "rejected").kinds()).toEqual(["broken_promise"]);
  });

  test("another one that is counted and was never sent", () => {
    const stranger = { ...ANA, selections: [3], nonce: "nobody's" };
    const history = new History();
    const receipt = history.accept(sent(ANA));
    expect(history.record(stranger).fate("ana", receipt, "duplicate").kinds()).toEqual(["phantom"]);
  });

  test("another one that is counted and was refused", () => {
    const other = { ...ANA, selections: [3], nonce: "other" };
    const history = new History().refuse(sent(other));
    const receipt = history.accept(sent(ANA));
    expect(history.record(other).fate("ana", receipt, "duplicate").kinds()).toEqual(["phantom"]);
  });

  test("one that is said to be a duplicate, and is the one that is recorded", () => {
    const history = new History();
    const receipt = history.accept(sent(ANA));
    expect(history.record(ANA).fate("ana", receipt, "duplicate").kinds()).toEqual(["told_falsely"]);
  });

  test("one whose voter was told that it is recorded, and that is lost", () => {
    const history = new History();
    const receipt = history.accept(sent(ANA));
    history.follow(sent(ANA), "recorded", ANA).check(ANA).fate("ana", receipt, "accepted");
    expect(history.kinds()).toEqual(["lost", "broken_promise"]);
  });

  test("one whose receipt nobody asked for again", () => {
    const history = new History().record(ANA);
    history.accept(sent(ANA));
    expect(history.kinds()).toEqual(["receipt_not_found"]);
  });

  test("one that was accepted while nothing could have made it durable", () => {
    const history = new History();
    history.silent(() => history.fate("ana", history.accept(sent(ANA)), "recorded", ANA), "accepted");
    expect(history.record(ANA).kinds()).toEqual(["told_in_silence"]);
  });

  test("a final contest with a partition that has not met its barrier", () => {
    const { history } = kept();
    history.openPartitions = [2];
    expect(history.kinds()).toEqual(["counts_differ"]);
  });
});
