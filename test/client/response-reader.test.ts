import { describe, expect, test } from "bun:test";
import { ResponseReader, UnreadableResponse } from "../../src/client/response-reader.ts";

const WHOLE =
  "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nretry-AFTER: 2\r\n" +
  'Date: Mon, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 9\r\n\r\n{"a":"b"}';
const CHUNKED =
  'HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n4\r\n{"a"\r\n5;x=y\r\n:"b"}\r\n0\r\n\r\n';

function read(pieces: string[]): ResponseReader | null {
  const reader = new ResponseReader();
  let whole = false;
  for (const piece of pieces) {
    expect(whole).toBe(false);
    whole = reader.feed(Buffer.from(piece));
  }
  return whole ? reader : null;
}

describe("a response is read the same whatever pieces it comes in", () => {
  for (const [name, text, status] of [
    ["with a length", WHOLE, 503],
    ["in chunks", CHUNKED, 201],
  ] as const) {
    test(`${name}: at once, byte by byte, and split at every place`, () => {
      const splits = [[text], [...text]];
      for (let at = 1; at < text.length; at++) splits.push([text.slice(0, at), text.slice(at)]);
      for (const pieces of splits) {
        const reader = read(pieces);
        expect(reader?.status).toBe(status);
        expect(reader?.body.toString()).toBe('{"a":"b"}');
      }
    });

    test(`${name}: not whole while a byte is missing`, () => {
      for (let length = 1; length < text.length; length++) expect(read([text.slice(0, length)])).toBeNull();
    });
  }

  test("the fields that matter, whatever their case", () => {
    expect(read([WHOLE])).toMatchObject({ retryAfter: "2", keepAlive: true });
    expect(read([CHUNKED])).toMatchObject({ retryAfter: null, keepAlive: false });
  });

  test("after a reset nothing of the response before is left", () => {
    const reader = read([CHUNKED])!;
    reader.reset();
    expect(reader.feed(Buffer.from("HTTP/1.1 204 No Content\r\n\r\n"))).toBe(true);
    expect({ ...reader }).toMatchObject({ status: 204, keepAlive: true });
    expect(reader.body.length).toBe(0);
  });
});

test.each([
  ["not HTTP", "SSH-2.0-OpenSSH_9.9\r\n\r\n"],
  ["a body that ends with the connection", "HTTP/1.1 200 OK\r\n\r\nwhole or cut?"],
  ["a length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: 1e3\r\n\r\n"],
  ["a body beyond the bound", "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"],
  ["a second response that nobody asked for", `${WHOLE}HTTP/1.1 200 OK`],
  ["a chunk without a size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
  ["an encoding that is not known", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"],
  ["a head without an end", `HTTP/1.1 200 OK\r\n${"x".repeat(20_000)}`],
])("refused: %s", (_name, text) => {
  expect(() => read([text])).toThrow(UnreadableResponse);
});
