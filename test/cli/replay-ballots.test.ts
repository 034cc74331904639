import { expect, test } from "bun:test";
import { BallotReader, namesOf, shown } from "../../src/cli/replay-ballots.ts";

const OPTIONS = [
  { number: 1, title: "Alma" },
  { number: 2, title: "Brisa" },
];

test("a choice is its option's number, an undervote blank, an overvote two selections", () => {
  const reader = new BallotReader("ballots/", OPTIONS);
  const read = (voter: string, choice: string) => reader.read({ row: 2, voter, choice });
  expect(read("1", "Brisa")).toEqual({ row: 2, voter: "ballots/1", selections: [2], overvote: false });
  expect(read("2", "undervote")).toMatchObject({ selections: [], overvote: false });
  expect(read("3", "overvote")).toMatchObject({ selections: [1, 2], overvote: true });
});

test("an unknown title and a voter's second record are malformed; the first record stands", () => {
  const reader = new BallotReader("", OPTIONS);
  expect(reader.read({ row: 2, voter: "1", choice: "brisa" })).toEqual({
    row: 2,
    fault: 'the contest has no option "brisa"',
  });
  expect(reader.read({ row: 3, voter: "1", choice: "Alma" })).toMatchObject({ selections: [1] });
  expect(reader.read({ row: 4, voter: "1", choice: "Alma" })).toEqual({
    row: 4,
    fault: "voter 1 has a record in row 3",
  });
});

test("a report shows no more of a cell than a line takes, and nothing that a terminal obeys", () => {
  expect(shown("José Ünal, 3rd")).toBe("José Ünal, 3rd");
  expect(shown("\u001b[2Ja\nb")).toBe("\ufffd[2Ja\ufffdb");
  expect(shown("x".repeat(40))).toBe("x".repeat(40));
  expect(shown("x".repeat(60_000))).toBe(`${"x".repeat(39)}…`);
  const reader = new BallotReader("", OPTIONS);
  const read = (voter: string, choice: string) => JSON.stringify(reader.read({ row: 2, voter, choice }));
  expect(read("1", "y".repeat(100)).length).toBeLessThan(120);
  read("z".repeat(100), "Alma");
  expect(read("z".repeat(100), "Alma").length).toBeLessThan(120);
});

test("ids come from the folder and the name, and are the same at every run", () => {
  expect(namesOf("examples/minneapolis-2013-mayor/ballots.csv.gz")).toEqual({
    election: "minneapolis-2013-mayor",
    contest: "minneapolis-2013-mayor-ballots",
    voterPrefix: "ballots/",
  });
  expect(namesOf("/a/Élection 2013 (été)/Votes_1.CSV").contest).toBe("election-2013-ete-votes-1");
  expect(namesOf(`/${"x".repeat(100)}/b.csv`).contest.length).toBeLessThanOrEqual(60);
  expect(namesOf(`/${"x".repeat(100)}/b.csv`).contest).not.toBe(namesOf(`/${"x".repeat(101)}/b.csv`).contest);
  expect(namesOf("/投票/a.csv").election).toMatch(/^[0-9a-f]{8}$/);
  expect(namesOf("/投票/a.csv").election).not.toBe(namesOf("/選挙/a.csv").election);
});
