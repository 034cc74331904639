import { expect, test } from "bun:test";
import { Connection, originOf } from "../../src/client/connection.ts";

type Outcome = { status: number; body: string } | { sent: boolean; reason: string };

/** A connection whose requests can be awaited. */
function exchanger(port: number): { exchange: () => Promise<Outcome>; close: () => void } {
  let settle: (outcome: Outcome) => void = () => {};
  const connection = new Connection(originOf(`http://127.0.0.1:${port}`), {
    answered: ({ status, body }) => settle({ status, body: body.toString() }),
    failed: (failure) => settle(failure),
  });
  return {
    exchange: () =>
      new Promise((resolve) => {
        settle = resolve;
        connection.send(Buffer.from("GET / HTTP/1.1\r\nHost: peer\r\n\r\n"));
      }),
    close: () => connection.close(),
  };
}

/** Answers every request with these pieces, one a turn of the event loop; then closes if asked to. */
function piecewiseServer(pieces: string[], closes: boolean) {
  let connections = 0;
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open() {
        connections++;
      },
      async data(socket) {
        for (const piece of pieces) {
          socket.write(piece);
          socket.flush();
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        if (closes) socket.end();
      },
    },
  });
  return { port: server.port, connections: () => connections, [Symbol.dispose]: () => server.stop(true) };
}

const ANSWER = ["HTTP/1.1 20", "1 Created\r\nContent-Le", "ngth: 5\r\n\r", "\nhe", "llo"];

test("an answer in split packets is read whole, and the connection is kept", async () => {
  using server = piecewiseServer(ANSWER, false);
  const { exchange, close } = exchanger(server.port);
  expect(await exchange()).toEqual({ status: 201, body: "hello" });
  expect(await exchange()).toEqual({ status: 201, body: "hello" });
  expect(server.connections()).toBe(1);
  close();
});

test("a connection closed in the middle of the answer fails, as sent", async () => {
  using server = piecewiseServer(ANSWER.slice(0, 4), true);
  const { exchange, close } = exchanger(server.port);
  expect(await exchange()).toMatchObject({ sent: true });
  close();
});

test("a connection closed after its answer is opened again for the next request", async () => {
  using server = piecewiseServer(ANSWER, true);
  const { exchange, close } = exchanger(server.port);
  expect(await exchange()).toEqual({ status: 201, body: "hello" });
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(await exchange()).toEqual({ status: 201, body: "hello" });
  expect(server.connections()).toBe(2);
  close();
});

test("an answer that announces the close is not followed by a request on the same connection", async () => {
  const closing = ["HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"];
  using server = piecewiseServer(closing, true);
  const { exchange, close } = exchanger(server.port);
  for (let i = 0; i < 3; i++) expect(await exchange()).toEqual({ status: 201, body: "hello" });
  expect(server.connections()).toBe(3);
  close();
});

test("bytes that are not HTTP fail, as sent", async () => {
  using server = piecewiseServer(["220 mail.example.org ESMTP\r\n\r\n"], false);
  const { exchange, close } = exchanger(server.port);
  expect(await exchange()).toMatchObject({ sent: true, reason: expect.stringContaining("not HTTP/1.1") });
  close();
});

test("where nobody listens the request fails as not sent, and again when tried again", async () => {
  const server = piecewiseServer([], false);
  const { port } = server;
  server[Symbol.dispose]();
  const { exchange } = exchanger(port);
  expect(await exchange()).toMatchObject({ sent: false });
  expect(await exchange()).toMatchObject({ sent: false });
});

test("a request larger than the socket's buffers arrives whole", async () => {
  await using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => new Response(String((await request.arrayBuffer()).byteLength)),
  });
  const outcome = Promise.withResolvers<string>();
  const connection = new Connection(originOf(server.url.origin), {
    answered: ({ body }) => outcome.resolve(body.toString()),
    failed: ({ reason }) => outcome.reject(new Error(reason)),
  });
  const bytes = 20_000_000;
  connection.send(
    Buffer.concat([
      Buffer.from(`POST / HTTP/1.1\r\nHost: peer\r\nContent-Length: ${bytes}\r\n\r\n`),
      Buffer.alloc(bytes, 0x78),
    ]),
  );
  expect(await outcome.promise).toBe(String(bytes));
  connection.close();
});

test("two requests at once are a bug, and said to be one", () => {
  const connection = new Connection(originOf("http://127.0.0.1:9"), { answered() {}, failed() {} });
  connection.send(Buffer.from("x"));
  expect(() => connection.send(Buffer.from("y"))).toThrow("one request at a time");
  connection.close();
});

test("an address's parts", () => {
  expect(originOf("https://votes.example.org")).toEqual({
    secure: true,
    hostname: "votes.example.org",
    port: 443,
    hostHeader: "votes.example.org",
  });
  expect(originOf("http://[::1]:8080")).toMatchObject({
    hostname: "::1",
    port: 8080,
    hostHeader: "[::1]:8080",
  });
});
