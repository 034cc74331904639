/** Links as faults need them: what is held arrives later, what is severed never. */
import { expect, test } from "bun:test";
import { once } from "node:events";
import { createConnection, createServer } from "node:net";
import { eventually } from "../../support/eventually.ts";
import { Network } from "./network.ts";

/** A server that keeps what it is sent, and one link to it. */
async function stage() {
  const received = { text: "", closed: 0 };
  const server = createServer((socket) => {
    socket.on("data", (chunk) => (received.text += chunk));
    socket.on("close", () => received.closed++);
    socket.on("error", () => undefined);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const network = new Network();
  const port = await network.connect("a", "b", (server.address() as { port: number }).port);
  const connect = () => createConnection({ port, host: "127.0.0.1" }).on("error", () => undefined);
  const end = () => {
    network[Symbol.dispose]();
    server.close();
  };
  return { network, received, connect, [Symbol.dispose]: end };
}

test("held: nothing passes, not even a close; released: all of it arrives, in order", async () => {
  using scene = await stage();
  const { network, received } = scene;
  const [socket, through] = [scene.connect(), scene.connect()];
  socket.write("1");
  await eventually("it arrives", () => received.text === "1");
  network.hold("a", "b");
  const late = scene.connect();
  late.write("4");
  socket.write("2");
  socket.end("3");
  through.destroy();
  await once(socket, "finish");
  await once(late, "connect");
  expect(received).toEqual({ text: "1", closed: 0 });
  network.release("a", "b");
  await eventually("all of it arrives", () => received.text === "1234" && received.closed === 2);
});

test("severed: what was on its way is lost, connections break, and new ones are refused until it is healed", async () => {
  using scene = await stage();
  const { network, received } = scene;
  const socket = scene.connect();
  await once(socket, "connect");
  network.hold("a", "b");
  await new Promise((resolve) => socket.write("lost", resolve));
  network.sever("a", "b");
  await eventually("it breaks", () => socket.closed);
  const refused = scene.connect();
  await eventually("it is refused", () => refused.closed);
  network.heal();
  scene.connect().write("new");
  await eventually("a new one passes", () => received.text === "new");
});

test("isolated: those within the group and those outside of it go on", async () => {
  using network = new Network();
  for (const [from, to] of ["ab", "ac", "bc", "cb"]) await network.connect(from!, to!, 1);
  network.isolate("a", "b");
  expect(["ab", "ac", "bc", "cb"].map(([from, to]) => network.isOpen(from!, to!))).toEqual([
    true,
    false,
    false,
    false,
  ]);
  network.heal();
  expect(network.isOpen("a", "c")).toBe(true);
});
