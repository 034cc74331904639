import { expect, test } from "bun:test";
import { parseElectionFile } from "../../src/cli/election-file.ts";

const YAML = `# a comment
title: Song contest
id: song
allowedOrigins: [https://votes.example.org]
contests:
  - title: Best song
    id: song-1
    options: [Alma, Yes, No]
    allowBlank: true
    resultsVisible: final
    closesAt: 2026-05-09T21:00:00Z
  - title: Second
    options: [a]
`;

test("YAML and JSON give the same, with what is left out", () => {
  const parsed = parseElectionFile(YAML);
  expect(parsed).toEqual({
    election: { title: "Song contest", id: "song", allowedOrigins: ["https://votes.example.org"] },
    contests: [
      {
        title: "Best song",
        id: "song-1",
        method: "single-choice",
        options: ["Alma", "Yes", "No"],
        allowBlank: true,
        resultsVisible: "final",
        closesAt: "2026-05-09T21:00:00Z",
      },
      { title: "Second", method: "single-choice", options: ["a"], allowBlank: false },
    ],
  });
  const { election, contests } = parsed as { election: object; contests: object[] };
  expect(parseElectionFile(JSON.stringify({ ...election, contests }, null, 2))).toEqual(parsed as never);
});

test("a buffered election says so, with as much as is not left to the server", () => {
  const buffered = (text: string) => parseElectionFile(`title: x\nbuffering: ${text}\n`);
  const all = { partitions: 8, ledgers: ["east", "west"] };
  expect(buffered("{partitions: 8, ledgers: [east, west]}")).toMatchObject({ election: { buffering: all } });
  expect(buffered("{}")).toEqual({ election: { title: "x", buffering: {} }, contests: [] });
});

test.each([
  [
    "an unknown field of the buffering",
    "title: x\nbuffering:\n  shards: 2\n",
    3,
    /^buffering\.shards: unknown field, there are: partitions, ledgers/,
  ],
  ["a buffering that is nothing", "title: x\nbuffering:\n", 2, /^buffering: it must be an object/],
  [
    "partitions that are none",
    "title: x\nbuffering: {partitions: 0}\n",
    2,
    /^buffering\.partitions: it must be at least 1$/,
  ],
  [
    "an unknown field of the election",
    "title: x\ncolour: red\n",
    2,
    /^colour: unknown field, there are: title, id/,
  ],
  [
    "an unknown field of a contest",
    YAML.replace("allowBlank", "allowBlanks"),
    9,
    /^contests\[0\]\.allowBlanks: unknown/,
  ],
  ["a missing title", "id: x\n", 1, /^title: /],
  ["options that are no list", YAML.replace("[a]", "a"), 13, /^contests\[1\]\.options: it must be a list/],
  [
    "an option that is a number",
    YAML.replace("[a]", "[a, 2013]"),
    13,
    /^contests\[1\]\.options\[1\]: it must be text/,
  ],
  [
    "a method that does not exist",
    YAML.replace("id: song-1", "method: borda"),
    7,
    /^contests\[0\]\.method: .*single-choice/,
  ],
  [
    "a time that is none",
    YAML.replace("2026-05-09T21:00:00Z", "tomorrow"),
    11,
    /^contests\[0\]\.closesAt: .*2026-05-09T20:15:00Z/,
  ],
  ["not a mapping", "- 1\n- 2\n", 1, /^the file: it must be an object/],
  ["an empty file", "", 1, /^title: /],
  ["broken YAML", "title: [a\nid: b\n", 2, /^the indentation .* bracket/],
  ["broken JSON", '{"title": "x",\n "contests": [}', 2, /bracket is not closed/],
])("%s is a fault with its line and place", (_name, text, line, words) => {
  const parsed = parseElectionFile(text);
  const faults = "faults" in parsed ? parsed.faults : [];
  expect(faults[0]).toMatchObject({ line, text: expect.stringMatching(words) });
});

test("all faults are told at once, in the file's order", () => {
  const parsed = parseElectionFile("colour: red\ntitle: 3\ncontests:\n  - optins: [a]\n    title: x\n");
  expect("faults" in parsed && parsed.faults.map(({ line }) => line)).toEqual([1, 2, 4, 4]);
});
