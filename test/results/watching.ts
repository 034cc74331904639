/** A viewer over a raw socket: what a browser's EventSource sees, and readers that stall or vanish. */
import { connect, type Socket } from "node:net";

export type SeenEvent = { event: string; id: string | undefined; data: Record<string, unknown> };

export class Watcher implements AsyncDisposable {
  status = 0;
  headers = "";
  /** Everything of the body so far, for looking for what must not be there. */
  body = "";
  comments = 0;
  retry: number | undefined;
  private readonly events: SeenEvent[] = [];
  private raw = Buffer.alloc(0);
  private unparsed = "";
  private wake: () => void = () => undefined;
  private hasEnded = false;
  readonly closed: Promise<void>;

  private constructor(private readonly socket: Socket) {
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.on("data", (bytes) => this.take(bytes as Buffer));
    for (const name of ["end", "close", "error"]) socket.on(name, () => this.end());
  }

  static open(url: string, headers: Record<string, string> = {}): Watcher {
    const { hostname, port, pathname } = new URL(url);
    const socket = connect(Number(port), hostname);
    const lines = Object.entries({ host: "urna", ...headers }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    socket.write(`GET ${pathname} HTTP/1.1\r\n${lines.join("")}\r\n`);
    return new Watcher(socket);
  }

  /** The next event; throws when the stream has ended without one. */
  async next(): Promise<SeenEvent> {
    for (;;) {
      const event = this.events.shift();
      if (event !== undefined) return event;
      if (this.hasEnded) throw new Error(`the stream has ended; status ${this.status}`);
      await this.arrival();
    }
  }

  /** Waits until something that has arrived makes this true. */
  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) {
      if (this.hasEnded) throw new Error("the stream has ended");
      await this.arrival();
    }
  }

  /** The events that have arrived and were not asked for. */
  get left(): readonly SeenEvent[] {
    return this.events;
  }

  stall(): void {
    this.socket.pause();
  }

  readOn(): void {
    this.socket.resume();
  }

  vanish(): void {
    this.socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await this.closed;
  }

  private arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  private end(): void {
    this.hasEnded = true;
    this.wake();
  }

  private take(bytes: Buffer): void {
    this.raw = Buffer.concat([this.raw, bytes]);
    if (this.status === 0) this.takeHead();
    if (/^transfer-encoding: *chunked/im.test(this.headers)) this.takeChunks();
    else this.takeText(this.raw.subarray(0));
    this.wake();
  }

  private takeHead(): void {
    const end = this.raw.indexOf("\r\n\r\n");
    if (end < 0) return;
    this.headers = this.raw.toString("latin1", 0, end);
    this.status = Number(this.headers.split(" ")[1]);
    this.raw = this.raw.subarray(end + 4);
  }

  /** RFC 9112, section 7.1. */
  private takeChunks(): void {
    for (;;) {
      const lineEnd = this.raw.indexOf("\r\n");
      if (lineEnd < 0) return;
      const size = Number.parseInt(this.raw.toString("latin1", 0, lineEnd), 16);
      if (this.raw.length < lineEnd + 2 + size + 2) return;
      this.takeText(this.raw.subarray(lineEnd + 2, lineEnd + 2 + size));
      this.raw = this.raw.subarray(lineEnd + 2 + size + 2);
      if (size > 0) continue;
      this.end();
      return;
    }
  }

  private takeText(bytes: Buffer): void {
    this.body += bytes.toString();
    this.unparsed += bytes.toString();
    for (let end = this.unparsed.indexOf("\n\n"); end >= 0; end = this.unparsed.indexOf("\n\n")) {
      this.takeMessage(this.unparsed.slice(0, end));
      this.unparsed = this.unparsed.slice(end + 2);
    }
  }

  private takeMessage(message: string): void {
    const fields = new Map(
      message.split("\n").map((line) => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon), line.slice(colon + 1).trimStart()] as const;
      }),
    );
    if (fields.has("")) this.comments++;
    if (fields.has("retry")) this.retry = Number(fields.get("retry"));
    const data = fields.get("data");
    if (data === undefined) return;
    this.events.push({
      event: fields.get("event")!,
      id: fields.get("id"),
      data: JSON.parse(data) as Record<string, unknown>,
    });
  }
}
