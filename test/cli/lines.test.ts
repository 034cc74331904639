import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Line, readLines } from "../../src/cli/lines.ts";

async function linesOf(chunks: Uint8Array[], lineBytesMax = 100): Promise<Line[]> {
  const source = (async function* () {
    yield* chunks;
  })();
  const lines: Line[] = [];
  for await (const batch of readLines(source, lineBytesMax)) lines.push(...batch);
  return lines;
}

const bytes = (text: string) => [Buffer.from(text)];

test("lines are the same wherever the chunks are cut", async () => {
  const character = fc.constantFrom("a", "é", "\n", "\r\n", "🗳");
  await fc.assert(
    fc.asyncProperty(
      fc.array(character, { maxLength: 40 }),
      fc.integer({ min: 1, max: 7 }),
      async (parts, size) => {
        const whole = Buffer.from(parts.join(""));
        const chunks: Uint8Array[] = [];
        for (let at = 0; at < whole.length; at += size) chunks.push(whole.subarray(at, at + size));
        const expected = whole.toString().split(/\r?\n/);
        if (expected.at(-1) === "") expected.pop();
        expect(await linesOf(chunks)).toEqual(expected.map((text, i) => ({ number: i + 1, text })));
      },
    ),
  );
});

test("a last line without its end is a line; a byte order mark is not part of the first", async () => {
  expect(await linesOf(bytes("\uFEFFa\n\nb"))).toEqual([
    { number: 1, text: "a" },
    { number: 2, text: "" },
    { number: 3, text: "b" },
  ]);
});

test("what is not a line keeps its number and costs nothing but itself", async () => {
  const chunks = [Buffer.from("a\n"), Buffer.from([0xff, 0xfe, 0x0a]), Buffer.from(`${"x".repeat(11)}\nb`)];
  expect(await linesOf(chunks, 10)).toEqual([
    { number: 1, text: "a" },
    { number: 2, fault: "not valid UTF-8" },
    { number: 3, fault: "longer than 10 bytes" },
    { number: 4, text: "b" },
  ]);
});

test("a line far beyond the bound, in many chunks, is reported once; one at the bound is a line", async () => {
  const chunks = [...Array(50).fill(Buffer.from("x".repeat(7))), Buffer.from(`\n${"y".repeat(10)}\r\nz`)];
  expect(await linesOf(chunks, 10)).toEqual([
    { number: 1, fault: "longer than 10 bytes" },
    { number: 2, text: "y".repeat(10) },
    { number: 3, text: "z" },
  ]);
});
