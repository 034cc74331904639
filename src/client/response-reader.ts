/** Reads HTTP/1.1 responses (RFC 9112) out of whatever pieces a socket delivers them in. */

const HEAD_BYTES_MAX = 16_384;
const BODY_BYTES_MAX = 1_048_576;
const EMPTY = Buffer.alloc(0);
/** Of content-length, transfer-encoding, connection and retry-after. */
const NAME_LENGTHS: ReadonlySet<number> = new Set([14, 17, 10, 11]);
const HEAD_END = Buffer.from("\r\n\r\n");

/** The bytes are not a response that this client can read; the connection is of no use any more. */
export class UnreadableResponse extends Error {}

/**
 * One response at a time: {@link feed} until it says true, read the fields, {@link reset}. Bodies with a
 * Content-Length or in chunks; a body that ends with the connection is refused, because a cut one looks the same.
 */
export class ResponseReader {
  status = 0;
  /** False when the server closes the connection after this response. */
  keepAlive = true;
  /** Retry-After as sent. */
  retryAfter: string | null = null;
  /** Valid until the next {@link reset}. */
  body: Buffer = EMPTY;

  private received: Buffer = EMPTY;
  private bodyStart = 0;
  private bodyBytes: number | "chunked" | null = null;

  reset(): void {
    this.status = 0;
    this.keepAlive = true;
    this.retryAfter = null;
    this.body = EMPTY;
    this.received = EMPTY;
    this.bodyStart = 0;
    this.bodyBytes = null;
  }

  /** Takes the next bytes; true once the response is whole. Throws {@link UnreadableResponse}. */
  feed(chunk: Buffer): boolean {
    this.received = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk]);
    if (this.bodyStart === 0 && !this.readHead()) return false;
    return this.bodyBytes === "chunked" ? this.readChunkedBody() : this.readBody(this.bodyBytes!);
  }

  private readHead(): boolean {
    const end = this.received.indexOf(HEAD_END);
    if (end === -1) {
      if (this.received.length > HEAD_BYTES_MAX) throw new UnreadableResponse("its head is too long");
      return false;
    }
    this.readStatusLine();
    let lineStart = this.received.indexOf(10) + 1;
    while (lineStart < end) {
      let lineEnd = lineStart;
      while (this.received[lineEnd] !== 13) lineEnd++;
      this.readField(lineStart, lineEnd);
      lineStart = lineEnd + 2;
    }
    if (this.status === 204 || this.status === 304) this.bodyBytes = 0;
    if (this.bodyBytes === null) throw new UnreadableResponse("it does not say how long its body is");
    this.bodyStart = end + HEAD_END.length;
    return true;
  }

  /** `HTTP/1.1 201 Created`: the status is at a fixed place. */
  private readStatusLine(): void {
    const start = this.received.toString("latin1", 0, 12);
    if (!/^HTTP\/1\.[01] [1-5]\d\d$/.test(start)) throw new UnreadableResponse("it is not HTTP/1.1");
    this.status = Number(start.slice(9));
  }

  /** Names that can't be one of those that matter, by their length or first letter, are not even decoded. */
  private readField(start: number, end: number): void {
    const first = this.received[start]! | 0x20;
    if (first !== 0x63 && first !== 0x72 && first !== 0x74) return;
    const nameLength = this.received.indexOf(0x3a, start) - start;
    if (!NAME_LENGTHS.has(nameLength)) return;
    const line = this.received.toString("latin1", start, end);
    const colon = line.indexOf(":");
    const value = line.slice(colon + 1).trim();
    switch (line.slice(0, colon).toLowerCase()) {
      case "content-length":
        if (!/^\d+$/.test(value)) throw new UnreadableResponse("its Content-Length is not a number");
        this.bodyBytes ??= Number(value);
        break;
      case "transfer-encoding":
        if (value.toLowerCase() !== "chunked") throw new UnreadableResponse(`its body is sent as ${value}`);
        this.bodyBytes = "chunked";
        break;
      case "connection":
        if (value.toLowerCase() === "close") this.keepAlive = false;
        break;
      case "retry-after":
        this.retryAfter = value;
        break;
    }
  }

  private readBody(bytes: number): boolean {
    if (bytes > BODY_BYTES_MAX) throw new UnreadableResponse("its body is too long");
    const end = this.bodyStart + bytes;
    if (this.received.length < end) return false;
    if (this.received.length > end) throw new UnreadableResponse("more follows than was asked for");
    this.body = this.received.subarray(this.bodyStart, end);
    return true;
  }

  /** Starts over with every piece: bodies in chunks are rare here, and bounded. */
  private readChunkedBody(): boolean {
    if (this.received.length > this.bodyStart + 2 * BODY_BYTES_MAX) {
      throw new UnreadableResponse("its body is too long");
    }
    const pieces: Buffer[] = [];
    let at = this.bodyStart;
    for (;;) {
      const sizeEnd = this.received.indexOf("\r\n", at);
      if (sizeEnd === -1) return false;
      const size = Number.parseInt(this.received.toString("latin1", at, sizeEnd), 16);
      if (Number.isNaN(size)) throw new UnreadableResponse("a chunk of its body has no size");
      const start = sizeEnd + 2;
      if (size === 0) {
        // Trailers are not asked for, so that the last chunk is followed by the empty line.
        if (this.received.length < start + 2) return false;
        this.body = Buffer.concat(pieces);
        return true;
      }
      if (this.received.length < start + size + 2) return false;
      pieces.push(this.received.subarray(start, start + size));
      at = start + size + 2;
    }
  }
}
