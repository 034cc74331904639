import { afterAll, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { answerDifference, Journal } from "../../src/cli/replay-journal.ts";
import type { CastAnswer } from "../../src/client/cast.ts";
import type { Receipt } from "../../src/election/receipt.ts";

const folder = mkdtempSync(join(tmpdir(), "urna-journal-"));
afterAll(() => rmSync(folder, { recursive: true }));

const RECEIPT: Receipt = {
  contest: "8f14e45f-ceea-467f-a0e6-2b6f6d9f5a11",
  leaf: "leaf",
  nonce: "nonce",
  selections: [2],
  stream: 1,
  seq: 12,
  index: 3,
  recordedAt: "2026-05-09T20:15:00.000Z",
};
const recorded = (status: 200 | 201, receipt = RECEIPT): CastAnswer => ({
  kind: "recorded",
  status,
  receipt,
});
const REFUSED: CastAnswer = { kind: "refused", status: 409, code: "already_voted", detail: "" };
const UNRESOLVED: CastAnswer = { kind: "unresolved", outcomeUnknown: true, reason: "gone" };

test("the first receipt again is no difference; anything else is", () => {
  expect(answerDifference(RECEIPT, recorded(200))).toBeNull();
  expect(answerDifference(RECEIPT, recorded(200, { ...RECEIPT }))).toBeNull();
  expect(answerDifference(RECEIPT, UNRESOLVED)).toBeNull();
  expect(answerDifference(RECEIPT, recorded(201))).toContain("recorded again");
  expect(answerDifference(RECEIPT, REFUSED)).toContain("409 already_voted");
});

test("every single field counts, also one that is new or gone", () => {
  for (const field of Object.keys(RECEIPT) as (keyof Receipt)[]) {
    const other = { ...RECEIPT, [field]: field === "selections" ? [1] : "other" };
    expect(answerDifference(RECEIPT, recorded(200, other))).toContain(`${field} `);
    const { [field]: _, ...without } = RECEIPT;
    expect(answerDifference(RECEIPT, recorded(200, without as Receipt))).toContain(`${field} `);
  }
  expect(answerDifference(RECEIPT, recorded(200, { ...RECEIPT, durability: "override" }))).toContain(
    "durability",
  );
});

test("what one run kept, the next one compares with", () => {
  const path = join(folder, "journal.ndjson");
  const first = Journal.open(path);
  expect(first.keep(2, "a", recorded(201))).toBeNull();
  expect(first.keep(3, "b", REFUSED)).toBeNull();
  expect(first.keep(4, "c", UNRESOLVED)).toBeNull();
  first.close();
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { row: 2, voter: "a", status: 201, receipt: RECEIPT },
    { row: 3, voter: "b", status: 409, code: "already_voted" },
  ]);

  const second = Journal.open(path);
  expect(second.keep(2, "a", recorded(200))).toBeNull();
  expect(second.keep(2, "a", recorded(200, { ...RECEIPT, seq: 13 }))).toBe(
    "another receipt than the first: seq 12, now 13",
  );
  expect(second.keep(3, "b", REFUSED)).toBeNull();
  expect(second.keep(3, "b", recorded(200))).toBeNull();
  expect(second.keep(4, "c", recorded(201))).toBeNull();
  second.close();
  expect(readFileSync(path, "utf8").trimEnd().split("\n")).toHaveLength(4);
});

test("a line that was cut when its run was killed is dropped; the lines before it and after it stand", () => {
  const path = join(folder, "cut.ndjson");
  const whole = `${JSON.stringify({ row: 2, voter: "é", status: 201, receipt: RECEIPT })}\n`;
  writeFileSync(path, whole);
  appendFileSync(path, '{"row":3,"voter":"b","sta');
  const journal = Journal.open(path);
  expect(journal.keep(2, "é", REFUSED)).toContain("was recorded");
  journal.keep(3, "b", recorded(201));
  journal.close();
  const lines = readFileSync(path, "utf8").split("\n");
  expect(lines[0]).toBe(whole.trimEnd());
  expect(JSON.parse(lines[1]!)).toMatchObject({ row: 3, voter: "b", status: 201 });
});

test("another kind of file is refused with its line, and left as it is", () => {
  const path = join(folder, "other.txt");
  writeFileSync(path, `${JSON.stringify({ voter: "a", status: 201 })}\nhello\n`);
  expect(() => Journal.open(path)).toThrow("line 2");
  expect(readFileSync(path, "utf8")).toEndWith("hello\n");
});

const ACCEPTED = {
  ...{ contest: RECEIPT.contest, leaf: "leaf", nonce: "nonce", selections: [2] },
  ...{ partition: 1, offset: 7, acceptedAt: "2026-05-09T20:15:00.000Z" },
};
const accepted = (offset: number): CastAnswer => ({
  ...{ kind: "accepted", status: 202, receipt: { ...ACCEPTED, offset } },
});

test("another place in the log is no difference; another place in the ledger is", () => {
  const path = join(folder, "accepted.ndjson");
  const first = Journal.open(path);
  expect(first.keep(2, "a", accepted(7))).toBeNull();
  expect(first.keep(2, "a", accepted(8))).toBeNull();
  first.close();
  const second = Journal.open(path);
  expect(second.nonceOf("a")).toBe("nonce");
  expect(second.nonceOf("b")).toBeNull();
  expect(second.keep(2, "a", accepted(9))).toBeNull();
  expect(second.keepFate(2, "a", { fate: "unsettled", reason: "" })).toBeNull();
  expect(second.keepFate(2, "a", { fate: "recorded", receipt: RECEIPT })).toBeNull();
  expect(second.keepFate(2, "a", { fate: "recorded", receipt: RECEIPT })).toBeNull();
  expect(second.keepFate(3, "b", { fate: "duplicate", reason: "" })).toBeNull();
  expect(second.keepFate(3, "b", { fate: "duplicate", reason: "" })).toBeNull();
  second.close();
  const third = Journal.open(path);
  expect(third.keep(2, "a", accepted(10))).toBeNull();
  expect(third.keepFate(2, "a", { fate: "recorded", receipt: RECEIPT })).toBeNull();
  expect(third.keepFate(2, "a", { fate: "recorded", receipt: { ...RECEIPT, seq: 13 } })).toBe(
    "another receipt than the first: seq 12, now 13",
  );
  expect(third.keepFate(2, "a", { fate: "duplicate", reason: "why" })).toBe(
    "was recorded, now told duplicate: why",
  );
  third.close();
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { row: 2, voter: "a", status: 202, receipt: ACCEPTED },
    { row: 2, voter: "a", status: 200, fate: "recorded", receipt: RECEIPT },
    { row: 3, voter: "b", status: 200, fate: "duplicate" },
  ]);
});
