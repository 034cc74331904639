/** The server itself: methods, unknown paths, what a handler throws, a taken port. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { withCors } from "../../src/http/cors.ts";
import { type HttpServer, PortTakenError, type Route, serve } from "../../src/http/server.ts";
import { Problem } from "../../src/runtime/problem.ts";
import { expectProblem } from "../support/answers.ts";

const ORIGIN = "https://show.example";
const unexpected: unknown[] = [];
let server: HttpServer;
/** Settled when a handler reads from a client that will hang up, and when it has noticed that. */
let entered = Promise.withResolvers<void>();
let left = Promise.withResolvers<void>();

const refusalWithCause: Route = {
  method: "GET",
  path: "/refusal-with-a-cause",
  handle: () => {
    const cause = new Error("password authentication failed for db1:5432");
    throw new Problem("not_recorded", "the ledger does not answer now", { cause });
  },
};
const bug: Route = {
  method: "GET",
  path: "/bug",
  handle: async () => {
    throw new Error("the password is xyzzy");
  },
};

function serveTest(port = 0): HttpServer {
  return serve({
    hostname: "127.0.0.1",
    port,
    bodyBytesMax: 1_000,
    onUnexpected: (error) => unexpected.push(error),
    routes: [
      { method: "GET", path: "/things/:thing", handle: (_, { thing }) => new Response(thing ?? "") },
      { method: "POST", path: "/things", handle: async (request) => new Response(await request.text()) },
      {
        method: "GET",
        path: "/refusal",
        handle: () => {
          throw new Problem("too_many_requests", "wait");
        },
      },
      {
        method: "POST",
        path: "/hung-up-on",
        handle: async (request) => {
          entered.resolve();
          try {
            return new Response(await request.text());
          } catch (error) {
            throw request.headers.get("then") === "bug" ? new Error("a bug") : error;
          } finally {
            left.resolve();
          }
        },
      },
      ...[refusalWithCause, bug].map((route) =>
        withCors({ ...route, path: `/of/:contest${route.path}` }, async () => [ORIGIN]),
      ),
      refusalWithCause,
      bug,
    ],
  });
}

beforeAll(() => {
  server = serveTest();
});
afterAll(() => server.stop());

const call = (method: string, path: string) => fetch(server.url + path, { method });

describe("methods", () => {
  test("HEAD is answered wherever GET is, without a body", async () => {
    const response = await call("HEAD", "/things/a");
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });

  test.each([
    ["PUT", "/things/a", "GET"],
    ["DELETE", "/things/a", "GET"],
    ["OPTIONS", "/things/a", "GET"],
    ["GET", "/things", "POST"],
    ["PATCH", "/things", "POST"],
  ])("%s %s: use %s", async (method, path, allow) => {
    const response = await call(method, path);
    expect(response.headers.get("allow")).toBe(allow);
    await expectProblem(response, "method_not_allowed");
  });

  test("HEAD of a path without GET", async () => {
    const response = await call("HEAD", "/things");
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
  });
});

test.each(["/", "/nowhere", "/things/a/b", "/things/", "/%00", "/things/../refusals"])(
  "nothing is at %s",
  async (path) => {
    expect(await expectProblem(await call("GET", path), "no_such_page")).toContain("there is nothing at /");
  },
);

test("a path's parameters are decoded", async () => {
  expect(await (await call("GET", "/things/a%20b")).text()).toBe("a b");
});

describe("what a handler throws", () => {
  test("what lies behind a problem is logged, and told to nobody", async () => {
    unexpected.length = 0;
    const detail = await expectProblem(await call("GET", "/refusal-with-a-cause"), "not_recorded");
    expect(detail).toBe("the ledger does not answer now");
    expect(unexpected).toMatchObject([{ cause: { message: expect.stringContaining("db1:5432") } }]);
  });

  test("a problem is told", async () => {
    expect(await expectProblem(await call("GET", "/refusal"), "too_many_requests")).toBe("wait");
  });

  test("anything else is logged, and told to nobody", async () => {
    unexpected.length = 0;
    const detail = await expectProblem(await call("GET", "/bug"), "internal_error");
    expect(detail).not.toContain("xyzzy");
    expect(unexpected).toEqual([new Error("the password is xyzzy")]);
  });

  test("is logged for other sites' pages too, which may read that something went wrong", async () => {
    unexpected.length = 0;
    const fromPage = (path: string) => fetch(`${server.url}/of/a${path}`, { headers: { origin: ORIGIN } });
    for (const [path, code] of [
      ["/refusal-with-a-cause", "not_recorded"],
      ["/bug", "internal_error"],
    ] as const) {
      const response = await fromPage(path);
      expect(response.headers.get("access-control-allow-origin")).toBe(ORIGIN);
      await expectProblem(response, code);
    }
    expect(unexpected).toMatchObject([
      { cause: { message: expect.stringContaining("db1:5432") } },
      { message: "the password is xyzzy" },
    ]);
  });

  test("is logged when the client hung up, unless that is all there is to tell", async () => {
    unexpected.length = 0;
    for (const then of ["nothing", "bug"]) {
      [entered, left] = [Promise.withResolvers(), Promise.withResolvers()];
      const hanging = connect(server.port, "127.0.0.1");
      const head = `POST /hung-up-on HTTP/1.1\r\nhost: urna\r\nthen: ${then}\r\ncontent-length: 9`;
      hanging.write(`${head}\r\n\r\nhalf`);
      await entered.promise;
      hanging.destroy();
      await left.promise;
    }
    await call("GET", "/things/a");
    expect(unexpected).toEqual([new Error("a bug")]);
  });
});

test("a body beyond any route's bound is refused before a handler sees it", async () => {
  const response = await fetch(`${server.url}/things`, { method: "POST", body: "x".repeat(1_001) });
  expect(response.status).toBe(413);
});

test("a port that another program has: which one, and what to do", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  expect(() => serveTest(port)).toThrow(PortTakenError);
  expect(() => serveTest(port)).toThrow(new RegExp(`port ${port} .*--port`));
  other.close();
});

test("a port that another server of this kind has is taken too", async () => {
  const options = { hostname: "127.0.0.1", routes: [], bodyBytesMax: 1_000, onUnexpected: () => undefined };
  const first = serve({ ...options, port: 0 });
  expect(() => serve({ ...options, port: first.port })).toThrow(/is taken by another program/);
  await first.stop();
});
