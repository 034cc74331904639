/** What becomes of accepted ballots, as the real ledgers of their partitions tell. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes, randomUUID } from "node:crypto";
import type { ReceiptSources } from "../../src/auditing/receipt-source.ts";
import { verifyAccepted, verifyReceipt } from "../../src/auditing/verify-receipt.ts";
import { ledgerOfStream } from "../../src/election/buffering.ts";
import type { Contest } from "../../src/election/contest.ts";
import type { AcceptedReceipt } from "../../src/election/receipt.ts";
import { receiptLeaf } from "../../src/ledger/leaf.ts";
import { PostgresLeafFinder } from "../../src/postgres/leaf-finder.ts";
import { PostgresRecordFinder } from "../../src/postgres/record-finder.ts";
import { BufferedLedgers } from "../support/buffered-ledgers.ts";
import { eventually } from "../support/eventually.ts";

const BOUNDS = { timeoutMs: 10_000, askersMax: 1_000, keysMax: 100 };
const CLOSES_AT_MS = Date.now() + 3_600_000;

let ledgers: BufferedLedgers;
let contest: Contest;
let sources: ReceiptSources;

beforeAll(async () => {
  // Partitions 0 and 2 are the home ledger's, 1 and 3 the further one's.
  ledgers = await BufferedLedgers.open([0, 1]);
  contest = await ledgers.contest({ closesAtMs: CLOSES_AT_MS });
  sources = sourcesOf(ledgers);
});
afterAll(() => ledgers[Symbol.asyncDispose]());

function sourcesOf({ ledgers: all, lookUp }: BufferedLedgers): ReceiptSources {
  const finders = all.map(({ number, pool }) => {
    const [leaves, records] = [new PostgresLeafFinder(pool, BOUNDS), new PostgresRecordFinder(pool, BOUNDS)];
    return [number, { leaves, records }] as const;
  });
  return { contests: lookUp, ledgers: new Map(finders) };
}

const verify = (receipt: AcceptedReceipt | null) => verifyAccepted(receipt!, sources);
const barrier = () => ({ kind: "barrier", contestUuid: contest.uuid, closesAtMs: CLOSES_AT_MS }) as const;

describe.each([0, 1])("in the ledger of partition %d", (partition) => {
  test("every ballot is accepted until it is drained, and then has one fate, in blocks of whatever size", async () => {
    const cast = (voter: number, changes = {}) => ledgers.ballot(contest, partition, voter, changes);
    const first = cast(1);
    const records = [
      first,
      cast(2),
      Buffer.from("no record at all"),
      first,
      cast(2, { selections: [2] }),
      cast(3, { acceptedAtMs: CLOSES_AT_MS }),
      cast(4, { selections: [9] }),
      ledgers.ballot(contest, partition + 2, 1),
      barrier(),
      cast(5),
      cast(1, { selections: [3] }),
    ];
    const receipts = ledgers.append(partition, ...records);
    const accepted = receipts.flatMap((receipt) => receipt ?? []);
    for (const receipt of accepted) expect(await verify(receipt)).toEqual({ status: "accepted" });
    await ledgers.drain(partition === 0 ? 3 : 1_000);

    const told = await Promise.all(receipts.map((receipt) => receipt && verify(receipt)));
    const recorded = told[0] as Extract<Awaited<ReturnType<typeof verify>>, { status: "recorded" }>;
    expect(recorded).toMatchObject({ status: "recorded", receipt: { leaf: receipts[0]!.leaf, index: 0 } });
    expect(ledgerOfStream(recorded.receipt!.stream)).toBe(partition);
    // What was told can be asked about as any recorded ballot's receipt.
    expect(await verifyReceipt(recorded.receipt!, sources)).toEqual({ status: "recorded" });
    // The same ballot appended twice is told as the one that counts, where it was first.
    expect(told[3]).toEqual(recorded);
    expect(told[1]).toMatchObject({ status: "recorded", receipt: { index: 1 } });
    expect(told.map((each) => each && [each.status, "reason" in each ? each.reason : null])).toEqual([
      ["recorded", null],
      ["recorded", null],
      null,
      ["recorded", null],
      ["duplicate", expect.stringContaining("another ballot of this voter")],
      ["rejected", expect.stringContaining("after the contest had closed")],
      ["rejected", expect.stringContaining("no ballot of its contest")],
      ["rejected", expect.stringContaining(`its voter belongs to partition ${partition + 2}`)],
      null,
      ["rejected", expect.stringContaining("closed before it could be written down")],
      ["duplicate", expect.stringContaining("another ballot of this voter")],
    ]);
  });

  test("a receipt that is not of the record at its offset is unknown", async () => {
    const receipts = ledgers.append(
      partition,
      ...[6, 7].map((voter) => ledgers.ballot(contest, partition, voter)),
    );
    await ledgers.drain();
    const receipt = receipts[0]!;
    const { offset } = receipt;
    const reasonOf = async (changes: Partial<AcceptedReceipt>) => {
      const told = await verify({ ...receipt, ...changes });
      return "reason" in told ? `${told.status}: ${told.reason}` : told.status;
    };
    expect(await reasonOf({ offset: offset + 1 })).toBe("unknown_receipt: another ballot is there");
    // Both are behind the barrier: the leaf is the exception's.
    expect(await reasonOf({})).toContain("rejected");
    expect(await reasonOf({ offset: 0 })).toBe("unknown_receipt: another ballot is there");
    expect(await reasonOf({ offset: 8 })).toBe("unknown_receipt: no ballot is there");
    expect(await reasonOf({ nonce: randomBytes(16).toString("base64url") })).toContain("do not open");
    expect(await reasonOf({ partition: 4 })).toContain("no such partition");
    const elsewhere = randomUUID();
    const leaf = receiptLeaf(elsewhere, receipt.selections, receipt.nonce);
    expect(await reasonOf({ contest: elsewhere, leaf })).toContain("no such contest");
    // Whether the log goes so far is not told by any ledger.
    expect(await reasonOf({ offset: Number.MAX_SAFE_INTEGER })).toBe("accepted");
  });
});

test("a block of hundreds of exceptions and ballots is told apart record by record, many at once", async () => {
  const other = await ledgers.contest();
  const receipts = ledgers.append(
    2,
    ...Array.from({ length: 400 }, (_, i) =>
      ledgers.ballot(other, 2, i % 7 === 0 ? i : 7 * Math.floor(i / 7), { selections: [1 + (i % 3)] }),
    ),
  );
  await ledgers.drain();
  const told = await Promise.all([...receipts, ...receipts].map(verify));
  expect(told.map(({ status }) => status)).toEqual(
    [...receipts, ...receipts].map((_, i) => ((i % 400) % 7 === 0 ? "recorded" : "duplicate")),
  );
});

test("once a contest is sealed nothing of it is still accepted that was not drained", async () => {
  const last = await ledgers.contest({ closesAtMs: CLOSES_AT_MS });
  const [receipt] = ledgers.append(1, ledgers.ballot(last, 1, 1));
  const beyond = { ...receipt!, offset: receipt!.offset + 1 };
  await ledgers.drain();
  expect(await verify(beyond)).toEqual({ status: "accepted" });
  const sealed = { ...last, sealedAtMs: CLOSES_AT_MS };
  const unknown = () => undefined;
  // Known as sealed; not known any more, and asked; and as it was known last, where the home ledger does not answer.
  const told = [
    { get: () => sealed, lastKnown: unknown, fresh: async () => null },
    { get: unknown, lastKnown: () => last, fresh: async () => sealed },
    { get: unknown, lastKnown: () => sealed, fresh: () => Promise.reject(new Error("it does not answer")) },
  ];
  for (const contests of told) {
    expect(await verifyAccepted(beyond, { ...sources, contests })).toMatchObject({
      status: "unknown_receipt",
    });
    expect(await verifyAccepted(receipt!, { ...sources, contests })).toMatchObject({ status: "recorded" });
  }
});

test("what a ledger that is not configured would know is not guessed", async () => {
  const [receipt] = ledgers.append(3, ledgers.ballot(contest, 3, 1));
  await ledgers.drain();
  const told = await verify(receipt!);
  const { receipt: recorded } = told as { receipt: Parameters<typeof verifyReceipt>[0] };
  const homeAlone = { ...sources, ledgers: new Map([[0, sources.ledgers.get(0)!]]) };
  const notAvailable = { code: "not_available", message: expect.stringContaining("ledger 1 would know") };
  for (const verifying of [verifyAccepted(receipt!, homeAlone), verifyReceipt(recorded, homeAlone)]) {
    expect(await verifying.catch((error: Error) => error)).toMatchObject(notAvailable);
  }
});

test("nothing is told of an accepted ballot that no standby may have, neither that it is recorded nor that it is not", async () => {
  const { pool } = ledgers.ledgers[0]!;
  const other = await ledgers.contest();
  const [drained] = ledgers.append(0, ledgers.ballot(other, 0, 1));
  await ledgers.drain();
  const [waiting] = ledgers.append(0, ledgers.ballot(other, 0, 2));
  const answers: string[] = [];
  const ask = async ({ partition, offset }: AcceptedReceipt) => {
    const finder = new PostgresRecordFinder(pool, { ...BOUNDS, timeoutMs: 20_000 });
    const told = await finder.find({ electionUuid: ledgers.election.uuid, partition, offset });
    answers.push(told!.fate);
  };
  await pool.use(async (session) => {
    const names = async (text: string) => {
      await session.query({ text });
      await session.query({ text: "SELECT pg_reload_conf()" });
    };
    await names("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (nobody)'");
    try {
      await eventually("the setting is in force", async () => {
        const [row] = await session.query<{ names: string }>({
          text: "SELECT current_setting('synchronous_standby_names') AS names",
        });
        return row?.names === "ANY 1 (nobody)";
      });
      const asking = [ask(drained!), ask(waiting!)];
      await eventually("both answers wait for the standby", async () => {
        const rows = await session.query({
          text: "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = current_database()",
        });
        return rows.length === 2;
      });
      expect(answers).toEqual([]);
      await names("ALTER SYSTEM RESET synchronous_standby_names");
      await Promise.all(asking);
    } finally {
      await names("ALTER SYSTEM RESET synchronous_standby_names");
    }
  });
  expect(answers.sort()).toEqual(["ballot", "not_drained"]);
});
