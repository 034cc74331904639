import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import expected from "../../examples/minneapolis-2013-mayor/expected-first-choices.json";
import { type MalformedRecord, readVoteRecords, type VoteRecord } from "../../src/cli/cast-vote-records.ts";

const folder = mkdtempSync(join(tmpdir(), "urna-records-"));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
async function read(
  content: string | Uint8Array,
  ending = ".csv",
): Promise<(VoteRecord | MalformedRecord)[]> {
  const file = join(folder, `${++files}${ending}`);
  writeFileSync(file, content);
  return readAll(file);
}

async function readAll(file: string): Promise<(VoteRecord | MalformedRecord)[]> {
  const records: (VoteRecord | MalformedRecord)[] = [];
  for await (const batch of readVoteRecords(file, { voter: "id", choice: "first" })) records.push(...batch);
  return records;
}

test("the columns are found by name, quoted cells are read", async () => {
  expect(await read('first,x,id\n"A ""THE"" B, JR",9,1\r\nC,,2\n')).toEqual([
    { row: 2, voter: "1", choice: 'A "THE" B, JR' },
    { row: 3, voter: "2", choice: "C" },
  ]);
});

test("malformed rows are told with their number, and the rows around them are read", async () => {
  const content = Buffer.concat([
    Buffer.from('id,first\n1,A\n2\n3,A,B\n4,"A\n5,A\n6,A"x\n7,"A"x\n\n,A\n'),
    Buffer.from([0x38, 0x2c, 0xff, 0x0a]),
    Buffer.from(`9,${"x".repeat(70_000)}\n10,A`),
  ]);
  expect(await read(content)).toEqual([
    { row: 2, voter: "1", choice: "A" },
    { row: 3, fault: "has 1 columns, the header has 2" },
    { row: 4, fault: "has 3 columns, the header has 2" },
    { row: 5, fault: "a quote is opened and not closed" },
    { row: 6, voter: "5", choice: "A" },
    { row: 7, fault: "its quotes are broken" },
    { row: 8, fault: "its quotes are broken" },
    { row: 9, fault: "has 1 columns, the header has 2" },
    { row: 10, fault: "names no voter" },
    { row: 11, fault: "not valid UTF-8" },
    { row: 12, fault: "longer than 65536 bytes" },
    { row: 13, voter: "10", choice: "A" },
  ]);
});

test("a quote that an innocent row closes swallows neither", async () => {
  const records = await read('id,first\n1,"A\n2,B\n3,C"\n4,D\n');
  expect(records.map((record) => ("fault" in record ? "fault" : record.voter))).toEqual([
    "fault",
    "2",
    "fault",
    "4",
  ]);
});

test("a file that cannot be used says why", async () => {
  await expect(read("")).rejects.toThrow("empty");
  await expect(read("id,second\n1,A\n")).rejects.toThrow(
    'row 1 has no column "first" (--choice); it must name the file\'s columns',
  );
  await expect(read("id,first,id\n1,A,2\n")).rejects.toThrow('more than one column "id" (--voter)');
  await expect(read('id,"first\n1,A\n')).rejects.toThrow("row 1: a quote is opened");
  await expect(readAll(join(folder, "not-there.csv"))).rejects.toThrow("csv: it does not exist");
  await expect(readAll(join(folder, "not-there.csv.gz"))).rejects.toThrow("gz: it does not exist");
  await expect(read("id,first\n1,A\n", ".csv.gz")).rejects.toThrow("it is not gzip");
  const cut = gzipSync(`id,first\n${"1,A\n".repeat(1_000)}`).subarray(0, 30);
  await expect(read(cut, ".csv.gz")).rejects.toThrow("it is gzip that was cut off");
});

test("the example's rows, gzipped, are as many as it says of each kind", async () => {
  const counts = new Map<string, number>();
  let rows = 0;
  const file = "examples/minneapolis-2013-mayor/ballots.csv.gz";
  for await (const batch of readVoteRecords(file, { voter: "ballot", choice: "rank1" })) {
    for (const record of batch) {
      if ("fault" in record) throw new Error(`row ${record.row}: ${record.fault}`);
      rows++;
      counts.set(record.choice, (counts.get(record.choice) ?? 0) + 1);
    }
  }
  expect(rows).toBe(expected.ballots);
  const { undervotes, overvotes, firstChoices } = expected;
  expect(Object.fromEntries(counts)).toEqual({ ...firstChoices, undervote: undervotes, overvote: overvotes });
});
