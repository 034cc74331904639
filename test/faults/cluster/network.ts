/**
 * The network between the processes of a cluster under test: one TCP relay a link, in this process, so that links can
 * be cut without being root.
 *
 * A held link is a partition: nothing passes, not even that a connection was closed, and what was sent meanwhile
 * arrives once it is released, as TCP's retransmissions would. A severed one loses what was on its way, breaks its
 * connections and refuses new ones.
 */
import { once } from "node:events";
import { createConnection, createServer, type Server, type Socket } from "node:net";

type State = "open" | "held" | "severed";

/** One end of a relayed connection, and what it sent while the link was held. */
type End = { socket: Socket; waiting: Buffer[]; closed: boolean };

class Link {
  private readonly server: Server;
  private readonly targetPort: number;
  private readonly pairs = new Set<[End, End]>();
  /** Connections that were made while the link was held. */
  private readonly callers = new Set<Socket>();
  private state: State = "open";

  constructor(targetPort: number) {
    this.targetPort = targetPort;
    this.server = createServer((caller) => this.accept(caller));
  }

  async listen(): Promise<void> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
  }

  get port(): number {
    return (this.server.address() as { port: number }).port;
  }

  get isOpen(): boolean {
    return this.state === "open";
  }

  hold(): void {
    this.state = "held";
  }

  sever(): void {
    this.state = "severed";
    for (const [caller, callee] of this.pairs) for (const { socket } of [caller, callee]) socket.destroy();
    for (const caller of this.callers) caller.destroy();
    this.pairs.clear();
    this.callers.clear();
  }

  open(): void {
    if (this.state === "open") return;
    this.state = "open";
    for (const pair of this.pairs) {
      const [caller, callee] = pair;
      for (const [from, to] of [
        [caller, callee],
        [callee, caller],
      ] as const) {
        for (const chunk of from.waiting.splice(0)) to.socket.write(chunk);
        if (from.closed) this.end(pair);
      }
    }
    const callers = [...this.callers];
    this.callers.clear();
    for (const caller of callers) if (!caller.destroyed) this.connect(caller);
  }

  close(): void {
    this.sever();
    this.server.close();
  }

  private accept(caller: Socket): void {
    caller.on("error", () => undefined);
    caller.setNoDelay(true);
    if (this.state === "severed") caller.destroy();
    else if (this.state === "held") {
      caller.pause();
      this.callers.add(caller);
    } else this.connect(caller);
  }

  private connect(caller: Socket): void {
    const socket = createConnection({ host: "127.0.0.1", port: this.targetPort, noDelay: true });
    const pair: [End, End] = [
      { socket: caller, waiting: [], closed: false },
      { socket, waiting: [], closed: false },
    ];
    this.pairs.add(pair);
    this.relay(pair, 0, 1);
    this.relay(pair, 1, 0);
    caller.resume();
  }

  private relay(pair: [End, End], from: 0 | 1, to: 0 | 1): void {
    const source = pair[from];
    const target = pair[to].socket;
    source.socket.on("error", () => undefined);
    source.socket.on("data", (chunk: Buffer) => {
      if (this.state === "held") source.waiting.push(chunk);
      else if (!target.write(chunk)) {
        source.socket.pause();
        target.once("drain", () => source.socket.resume());
      }
    });
    source.socket.once("close", () => {
      source.closed = true;
      if (this.state !== "held") this.end(pair);
    });
  }

  /** What was written before is still delivered. */
  private end(pair: [End, End]): void {
    this.pairs.delete(pair);
    for (const { socket, closed } of pair) if (!closed) socket.end(() => socket.destroy());
  }
}

export class Network implements Disposable {
  private readonly links = new Map<string, { from: string; to: string; link: Link }>();

  /** The port at which `from` reaches `to`, whose own port is `targetPort`. */
  async connect(from: string, to: string, targetPort: number): Promise<number> {
    const link = new Link(targetPort);
    await link.listen();
    this.links.set(`${from} ${to}`, { from, to, link });
    return link.port;
  }

  port(from: string, to: string): number {
    return this.links.get(`${from} ${to}`)!.link.port;
  }

  isOpen(from: string, to: string): boolean {
    return this.links.get(`${from} ${to}`)!.link.isOpen;
  }

  /** Cuts the group off from everybody else; within it everything goes on. */
  isolate(...group: string[]): void {
    this.crossing(group, (link) => link.hold());
  }

  /** Holds the link from one to the other, and the one back where there is one. */
  hold(one: string, other: string): void {
    this.between(one, other, (link) => link.hold());
  }

  sever(one: string, other: string): void {
    this.between(one, other, (link) => link.sever());
  }

  release(one: string, other: string): void {
    this.between(one, other, (link) => link.open());
  }

  heal(): void {
    for (const { link } of this.links.values()) link.open();
  }

  private crossing(group: string[], act: (link: Link) => void): void {
    for (const { from, to, link } of this.links.values()) {
      if (group.includes(from) !== group.includes(to)) act(link);
    }
  }

  private between(one: string, other: string, act: (link: Link) => void): void {
    const found = [this.links.get(`${one} ${other}`), this.links.get(`${other} ${one}`)];
    if (found.every((each) => each === undefined)) throw new Error(`no link between ${one} and ${other}`);
    for (const each of found) if (each !== undefined) act(each.link);
  }

  [Symbol.dispose](): void {
    for (const { link } of this.links.values()) link.close();
  }
}
