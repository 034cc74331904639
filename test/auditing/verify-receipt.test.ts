import { expect, test } from "bun:test";
import { randomBytes, randomUUID } from "node:crypto";
import fc from "fast-check";
import { parseReceipt } from "../../src/auditing/parse-receipt.ts";
import type { LeafRow, LeafSource, RecordSource } from "../../src/auditing/receipt-source.ts";
import { verifyReceipt } from "../../src/auditing/verify-receipt.ts";
import type { Receipt } from "../../src/election/receipt.ts";
import { encodeSelections } from "../../src/election/selections.ts";
import { ballotLeaf } from "../../src/ledger/leaf.ts";
import { uuidToBytes } from "../../src/ledger/uuid.ts";
import { PostgresLeafFinder } from "../../src/postgres/leaf-finder.ts";
import type { Session } from "../../src/postgres/session.ts";
import type { RecordedBallot } from "../../src/recording/ledger.ts";
import { eventually } from "../support/eventually.ts";
import { ballotsOf, RealLedger } from "./real-ledger.ts";

function receiptOf(contest: string, ballot: Omit<RecordedBallot, "contestLedgerId" | "voterKey">): Receipt {
  const { selections, nonce, streamId, seq, index, recordedAtMs } = ballot;
  const nonceBytes = Buffer.from(nonce, "base64url");
  const leaf = ballotLeaf(uuidToBytes(contest), encodeSelections(selections), nonceBytes);
  return {
    contest,
    leaf: leaf.toString("base64url"),
    nonce,
    selections,
    stream: streamId,
    seq,
    index,
    recordedAt: new Date(recordedAtMs).toISOString(),
  };
}

const receipt = receiptOf(randomUUID(), {
  selections: [2],
  nonce: randomBytes(16).toString("base64url"),
  ...{ streamId: 3, seq: 14, index: 15, recordedAtMs: Date.now(), overridden: false },
});
const row: LeafRow = {
  ...{ streamId: 3, seq: 14, index: 15, overridden: false },
  leaf: Buffer.from(receipt.leaf, "base64url"),
  recordedAtMs: Date.parse(receipt.recordedAt),
};

const records: RecordSource = { find: async () => null };

function homeLedger(leaves: LeafSource) {
  return { ledgers: new Map([[0, { leaves, records }]]) };
}

async function statusOf(changes: Partial<Receipt>, found: LeafRow | null = row): Promise<string> {
  const verification = await verifyReceipt(
    { ...receipt, ...changes },
    homeLedger({ find: async () => found }),
  );
  return "reason" in verification ? verification.reason : verification.status;
}

test("a receipt is recorded only where everything it says is so", async () => {
  expect(await statusOf({})).toBe("recorded");
  for (const changes of [
    { contest: randomUUID() },
    { selections: [1] },
    { selections: [] },
    { nonce: randomBytes(16).toString("base64url") },
    { leaf: randomBytes(32).toString("base64url") },
  ]) {
    expect(await statusOf(changes)).toContain("do not open");
  }
  expect(await statusOf({}, null)).toContain("no such block");
  expect(await statusOf({}, { ...row, leaf: null })).toContain("no ballot at this index");
  expect(await statusOf({}, { ...row, leaf: randomBytes(32) })).toContain("another ballot");
  expect(await statusOf({ recordedAt: "2026-01-01T00:00:00.000Z" })).toContain("another time");
  expect(await statusOf({ durability: "override" })).toContain("gate");
  expect(await statusOf({}, { ...row, overridden: true })).toContain("gate");
  expect(await statusOf({ durability: "override" }, { ...row, overridden: true })).toBe("recorded");
});

test("a receipt that is not one is refused by the field that is wrong", () => {
  const wrong: { [Name in keyof Receipt]-?: unknown[] } = {
    contest: [undefined, 1, "", "song", receipt.contest.toUpperCase(), `${receipt.contest}0`],
    leaf: [
      undefined,
      null,
      "",
      receipt.nonce,
      `${receipt.leaf}=`,
      `${receipt.leaf.slice(0, -1)}_`,
      "é".repeat(43),
    ],
    nonce: [undefined, 7, receipt.leaf, `+${receipt.nonce.slice(1)}`],
    selections: [undefined, "1", {}, [0], [1.5], ["1"], [65_536], [null], Array(1_001).fill(1)],
    stream: [undefined, 0, -1, 1.5, "1", 2 ** 31, Number.NaN],
    seq: [undefined, 0, 2 ** 32, "1"],
    index: [undefined, -1, 32_768, "0", null],
    recordedAt: [
      undefined,
      5,
      "",
      "yesterday",
      "2026-01-01",
      "2026-01-01T00:00:00Z",
      "2026-01-01T00:00:00.000+01:00",
    ],
    durability: [null, false, "none"],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      expect(parseReceipt({ ...receipt, [name]: value })).toEqual({ fault: expect.stringContaining(name) });
    }
  }
  for (const value of [null, undefined, 1, "receipt", [receipt]]) {
    expect(parseReceipt(value)).toEqual({ fault: "a receipt is a JSON object" });
  }
});

test("an accepted ballot's receipt likewise; with a stream it is a recorded one's", () => {
  const { contest, leaf, nonce, selections } = receipt;
  const acceptedAt = "2026-03-01T20:15:00.000Z";
  const accepted = { contest, leaf, nonce, selections, partition: 3, offset: 0, acceptedAt };
  expect(parseReceipt({ ...accepted, title: "My vote" })).toEqual({ accepted });
  expect(parseReceipt({ ...accepted, ...receipt })).toEqual({ receipt });
  const wrong = {
    leaf: [undefined, nonce],
    partition: [null, -1, 1.5, "3", 10_000],
    offset: [undefined, null, -1, 0.5, "0", 2 ** 53],
    acceptedAt: [undefined, "", "2026-03-01T20:15:00Z"],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      expect(parseReceipt({ ...accepted, [name]: value })).toEqual({ fault: expect.stringContaining(name) });
    }
  }
});

test("a receipt is read back as it was given, without what else was kept with it", () => {
  expect(parseReceipt(JSON.parse(JSON.stringify(receipt)))).toEqual({ receipt });
  expect(parseReceipt({ ...receipt, durability: "override", title: "My vote" })).toEqual({
    receipt: { ...receipt, durability: "override" },
  });
  fc.assert(
    fc.property(fc.jsonValue(), (json) => {
      expect(parseReceipt(json)).toHaveProperty("fault");
    }),
  );
});

test("receipts of a real ledger are found at their places, many at once, and none elsewhere", async () => {
  await using ledger = await RealLedger.open();
  const contest = await ledger.contest("song");
  await using first = await ledger.recorder();
  await using second = await ledger.recorder();
  const offered = ballotsOf(contest, 300);
  await first.record(offered.filter((_, i) => i % 3 === 0));
  const ballots = await second.record(offered);
  const finder = new PostgresLeafFinder(ledger.pool, { timeoutMs: 5_000, askersMax: 1_000, keysMax: 100 });
  const verify = (one: Receipt) => verifyReceipt(one, homeLedger(finder));

  const receipts = ballots.map((ballot) => receiptOf(contest.uuid, ballot));
  expect(receipts).toHaveLength(300);
  const verified = await Promise.all([...receipts, ...receipts].map(verify));
  expect(verified).toEqual(Array(600).fill({ status: "recorded" }));

  const own = receipts.find(({ stream }) => stream === 2)!;
  const reasonOf = async (changes: Partial<Receipt>) => {
    const verification = await verify({ ...own, ...changes });
    return "reason" in verification ? verification.reason : verification.status;
  };
  // The places that the first block had taken are not set in the second.
  const unset = [...Array(300).keys()].find(
    (at) => !receipts.some((one) => one.stream === 2 && one.index === at),
  )!;
  expect(await reasonOf({ index: unset })).toContain("no ballot at this index");
  expect(await reasonOf({ index: 32_767 })).toContain("no ballot at this index");
  expect(await reasonOf({ seq: 4_294_967_295 })).toContain("no such block");
  expect(await reasonOf({ stream: 9 })).toContain("no such block");
  const other = receipts.find((one) => one.stream === 2 && one.index !== own.index)!;
  expect(await reasonOf({ index: other.index })).toContain("another ballot");
});

test("nothing is told of a receipt that no standby may have", async () => {
  await using ledger = await RealLedger.open();
  const contest = await ledger.contest("song");
  await using recorder = await ledger.recorder();
  const [ballot] = await recorder.record(ballotsOf(contest, 1));
  await using admin = await ledger.session();
  const finder = new PostgresLeafFinder(ledger.pool, { timeoutMs: 20_000, askersMax: 10, keysMax: 10 });
  let verified: unknown = "waiting";
  let verifying: Promise<unknown>;
  await admin.query({ text: "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (nobody)'" });
  try {
    await reload(admin, "ANY 1 (nobody)");
    verifying = verifyReceipt(receiptOf(contest.uuid, ballot!), homeLedger(finder)).then(
      (it) => (verified = it),
    );
    await eventually("the answer waits for the standby", async () => {
      const waiting = await admin.query({
        text: "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = current_database()",
      });
      return waiting.length === 1;
    });
    expect(verified).toBe("waiting");
  } finally {
    await admin.query({ text: "ALTER SYSTEM RESET synchronous_standby_names" });
    await admin.query({ text: "SELECT pg_reload_conf()" });
  }
  await verifying;
  expect(verified).toEqual({ status: "recorded" });
});

async function reload(admin: Session, names: string): Promise<void> {
  await admin.query({ text: "SELECT pg_reload_conf()" });
  await eventually("the setting is in force", async () => {
    const [row] = await admin.query<{ names: string }>({
      text: "SELECT current_setting('synchronous_standby_names') AS names",
    });
    return row?.names === names;
  });
}
