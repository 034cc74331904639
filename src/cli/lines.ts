/** Splits a stream of bytes of any size into lines, numbered and checked, without holding more than a batch. */
import { isUtf8 } from "node:buffer";

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Numbers are 1-based. A line is text, or the reason why it is not. */
export type Line = { number: number; text: string } | { number: number; fault: string };

/** What remains of a line that is too long is passed over, not kept. Line ends are \n or \r\n. */
export async function* readLines(
  source: AsyncIterable<Uint8Array>,
  lineBytesMax: number,
): AsyncGenerator<Line[]> {
  let number = 0;
  let pending: Buffer = Buffer.alloc(0);
  // True while the rest of a line that was reported as too long goes by.
  let passingOver = false;
  for await (const chunk of source) {
    const bytes = pending.length === 0 ? Buffer.from(chunk) : Buffer.concat([pending, chunk]);
    const lines: Line[] = [];
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
      if (!passingOver) lines.push(readLine(bytes.subarray(start, end), ++number, lineBytesMax));
      passingOver = false;
      start = end + 1;
    }
    pending = bytes.subarray(start);
    if (!passingOver && pending.length > lineBytesMax + 1) {
      lines.push(readLine(pending, ++number, lineBytesMax));
      passingOver = true;
    }
    if (passingOver) pending = Buffer.alloc(0);
    if (lines.length > 0) yield lines;
  }
  if (pending.length > 0) yield [readLine(pending, ++number, lineBytesMax)];
}

function readLine(line: Buffer, number: number, lineBytesMax: number): Line {
  const ended = line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line;
  const marked = number === 1 && ended.subarray(0, 3).equals(BYTE_ORDER_MARK);
  const bytes = marked ? ended.subarray(3) : ended;
  if (bytes.length > lineBytesMax) return { number, fault: `longer than ${lineBytesMax} bytes` };
  if (!isUtf8(bytes)) return { number, fault: "not valid UTF-8" };
  return { number, text: bytes.toString() };
}
