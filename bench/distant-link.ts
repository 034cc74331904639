/** A TCP relay that delivers everything so much later, in order: a ledger that is far away, or slow to confirm. */
import { once } from "node:events";
import { type AddressInfo, createConnection, createServer, type Socket } from "node:net";

export type DistantLink = Disposable & { port: number };

/** Listens on a free port of its own and relays to `targetPort`, `delayMs` each way. */
export async function distantLink(targetPort: number, delayMs: number): Promise<DistantLink> {
  const sockets = new Set<Socket>();
  const server = createServer((caller) => {
    const callee = createConnection({ host: "127.0.0.1", port: targetPort, noDelay: true });
    caller.setNoDelay(true);
    for (const [from, to] of [
      [caller, callee],
      [callee, caller],
    ] as const) {
      sockets.add(from);
      from.on("data", (chunk) => setTimeout(() => to.write(chunk), delayMs));
      from.on("error", () => undefined);
      from.once("close", () => {
        sockets.delete(from);
        setTimeout(() => to.destroy(), delayMs);
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.dispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
