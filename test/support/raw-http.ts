/** HTTP/1.1 by hand, for what fetch refuses to send: cut bodies, slow bodies, wrong bytes. */
import { once } from "node:events";
import { createConnection, type Socket } from "node:net";

export type RawAnswer = { status: number; headers: Map<string, string>; body: string };

const HEAD_END = "\r\n\r\n";

export class RawConnection implements Disposable {
  private received = "";
  /** Settles when the server has closed the connection. */
  readonly closed: Promise<unknown>;

  private constructor(private readonly socket: Socket) {
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => (this.received += text));
    socket.on("error", () => undefined);
    this.closed = once(socket, "close");
  }

  static async open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const socket = createConnection({ host: hostname, port: Number(port) });
    const connection = new RawConnection(socket);
    await once(socket, "connect");
    return connection;
  }

  send(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  /** The next whole answer; throws when the connection closes without one. */
  async answer(): Promise<RawAnswer> {
    for (;;) {
      const answer = this.takeAnswer();
      if (answer !== null) return answer;
      if (this.socket.destroyed) throw new Error(`closed after ${JSON.stringify(this.received)}`);
      await Promise.race([once(this.socket, "data"), this.closed]);
    }
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  private takeAnswer(): RawAnswer | null {
    const headEnd = this.received.indexOf(HEAD_END);
    if (headEnd === -1) return null;
    const [statusLine = "", ...lines] = this.received.slice(0, headEnd).split("\r\n");
    const headers = new Map(
      lines.map((line) => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
      }),
    );
    const bodyEnd = headEnd + HEAD_END.length + Number(headers.get("content-length") ?? 0);
    if (this.received.length < bodyEnd) return null;
    const body = Buffer.from(this.received.slice(headEnd + HEAD_END.length, bodyEnd), "latin1").toString();
    this.received = this.received.slice(bodyEnd);
    return { status: Number(statusLine.split(" ")[1]), headers, body };
  }
}

/** A POST's head; without a length the body is the caller's to frame. */
export function postHead(path: string, headers: Record<string, string | number>): string {
  const lines = Object.entries({ host: "urna.test", ...headers }).map(([name, value]) => `${name}: ${value}`);
  return `POST ${path} HTTP/1.1\r\n${lines.join("\r\n")}${HEAD_END}`;
}
