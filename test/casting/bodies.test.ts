/** What a ballot's body may be: everything else is refused by name, and never recorded. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Contest } from "../../src/election/contest.ts";
import type { ProblemCode } from "../../src/runtime/problem.ts";
import { expectProblem, expectProblemText, expectReceipt } from "../support/answers.ts";
import { postHead, RawConnection } from "../support/raw-http.ts";
import { startTestGateway, type TestGateway } from "../support/test-gateway.ts";

const BODY_TIMEOUT_MS = 600;
const NONCE = Buffer.alloc(16, 0xfe).toString("base64url");

let gateway: TestGateway;
let contest: Contest;
let token: string;
beforeAll(async () => {
  gateway = await startTestGateway({ bodyTimeoutMs: BODY_TIMEOUT_MS });
  contest = await gateway.contest();
  token = await gateway.token(contest, "voter-1");
});
afterAll(async () => {
  // Whatever was refused, nothing of it was recorded.
  await expectProblem(await gateway.find(contest.id, token), "no_such_ballot");
  expect(gateway.unexpected).toEqual([]);
  await gateway[Symbol.asyncDispose]();
});

function send(body: string | Buffer, contentType: string | null = "application/json"): Promise<Response> {
  return fetch(`${gateway.url}/v1/contests/${contest.id}/ballots`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${token}`,
      ...(contentType === null ? {} : { "content-type": contentType }),
    },
    body: Buffer.from(body),
  });
}

describe("well-formed JSON, but not a ballot of the contest: invalid_ballot", () => {
  test.each([
    ["no selections", {}],
    ["a nonce alone", { nonce: NONCE }],
    ["selections null", { selections: null }],
    ["a number", { selections: 1 }],
    ["a text", { selections: "1" }],
    ["an object", { selections: { 0: 1, length: 1 } }],
    ["an array in the array", { selections: [[1]] }],
    ["a text in the array", { selections: ["1"] }],
    ["null in the array", { selections: [null] }],
    ["true in the array", { selections: [true] }],
    ["a fraction", { selections: [1.5] }],
    ["0", { selections: [0] }],
    ["negative", { selections: [-1] }],
    ["beyond the options", { selections: [4] }],
    ["beyond 16 bits", { selections: [65_537] }],
    ["beyond 2^53", { selections: [1e300] }],
    ["repeated", { selections: [1, 1] }],
    ["too many", { selections: [1, 2] }],
    ["a huge array", { selections: Array.from({ length: 5_000 }, () => 1) }],
    ["blank where blank is not allowed", { selections: [] }],
    ["a field that ballots do not have", { selections: [1], weight: 2 }],
    ["another writing of the field", { Selections: [1] }],
    ["nonce null", { selections: [1], nonce: null }],
    ["nonce a number", { selections: [1], nonce: 7 }],
    ["nonce empty", { selections: [1], nonce: "" }],
    ["nonce of 15 bytes", { selections: [1], nonce: NONCE.slice(0, 20) }],
    ["nonce of 17 bytes", { selections: [1], nonce: `${NONCE}A` }],
    ["nonce with padding", { selections: [1], nonce: `${NONCE}==` }],
    ["nonce in base64, not base64url", { selections: [1], nonce: `+${NONCE.slice(1)}` }],
    ["nonce with bits beyond its 16 bytes", { selections: [1], nonce: `${NONCE.slice(0, 21)}h` }],
    ["nonce with a line end", { selections: [1], nonce: `${NONCE}\n` }],
    ["null", null],
    ["a number alone", 1],
    ["a text alone", "selections"],
    ["an array", []],
    ["a ballot in an array", [{ selections: [1] }]],
  ])("%s", async (_, body) => {
    await expectProblem(await gateway.cast(contest.id, token, body), "invalid_ballot");
  });

  test.each([
    ["selections twice", '{"selections":[1],"selections":[2]}'],
    ["selections twice, the same", '{"selections":[1],"selections":[1]}'],
    ["selections twice, once escaped", '{"selections":[1],"selection\\u0073":[2]}'],
    ["nonce twice", `{"selections":[1],"nonce":"${NONCE}","nonce":"${NONCE}"}`],
    ["__proto__", '{"__proto__":{"selections":[1]}}'],
    ["__proto__ beside selections", '{"selections":[1],"__proto__":{}}'],
  ])("%s", async (_, body) => {
    await expectProblem(await send(body), "invalid_ballot");
  });
});

describe("not JSON: malformed_json", () => {
  const deep = 8_000;
  test.each<[string, string | Buffer]>([
    ["empty", ""],
    ["blanks", "  \n"],
    ["a word", "selections"],
    ["cut", '{"selections":[1'],
    ["followed by more", '{"selections":[1]}{}'],
    ["a form", "selections=1"],
    ["single quotes", "{'selections':[1]}"],
    ["a comma too many", '{"selections":[1],}'],
    ["NaN", '{"selections":[NaN]}'],
    ["a comment", '{"selections":[1]/**/}'],
    ["nested deeply, and cut", "[".repeat(deep)],
    [
      "invalid UTF-8 between tokens",
      Buffer.concat([Buffer.from('{"selections":[1]'), Buffer.from([0xff, 0x7d])]),
    ],
    [
      "invalid UTF-8 in a text",
      Buffer.concat([Buffer.from('{"selections":["'), Buffer.from([0xc3, 0x28]), Buffer.from('"]}')]),
    ],
    ["UTF-16", Buffer.from('{"selections":[1]}', "utf16le")],
  ])("%s", async (_, body) => {
    await expectProblem(await send(body), "malformed_json");
  });

  test("nested deeply, but whole, is JSON, and no ballot", async () => {
    await expectProblem(await send("[".repeat(deep) + "]".repeat(deep)), "invalid_ballot");
    await expectProblem(
      await send(`{"selections":${"[".repeat(deep)}${"]".repeat(deep)}}`),
      "invalid_ballot",
    );
  });
});

describe("the content type", () => {
  test.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/jsonp",
    "multipart/form-data",
    "",
  ])("%p: unsupported_media_type", async (contentType) => {
    await expectProblem(await send('{"selections":[1]}', contentType), "unsupported_media_type");
  });

  test("none: unsupported_media_type", async () => {
    await expectProblem(await send('{"selections":[1]}', null), "unsupported_media_type");
  });

  test.each([
    "application/json",
    "application/json; charset=utf-8",
    "Application/JSON",
    "application/vnd.urna+json",
  ])("%p is taken", async (contentType) => {
    // A ballot that is none, so that it shows how far the request came.
    await expectProblem(await send("{}", contentType), "invalid_ballot");
  });
});

describe("large bodies", () => {
  test("1 MB, announced: payload_too_large, at once", async () => {
    await expectProblem(await send(`{"selections":[1]${" ".repeat(1_000_000)}}`), "payload_too_large");
  });

  test("1 MB in chunks, without a length: payload_too_large, without reading it all", async () => {
    using connection = await RawConnection.open(gateway.url);
    connection.send(ballotHead({ "transfer-encoding": "chunked" }));
    // More than may be, much less than was announced by nobody.
    for (let i = 0; i < 5; i++) connection.send(`1000\r\n${" ".repeat(4_096)}\r\n`);
    await expectRawProblem(connection, "payload_too_large");
    await connection.closed;
  });

  test("as large as may be", async () => {
    const ballot = '{"selections":[1]';
    const filled = `${ballot}${" ".repeat(16 * 1024 - ballot.length - 1)}}`;
    const own = await gateway.token(contest, "voter-of-a-large-body");
    const request = (body: string) =>
      fetch(`${gateway.url}/v1/contests/${contest.id}/ballots`, {
        method: "POST",
        headers: { authorization: `Bearer ${own}`, "content-type": "application/json" },
        body,
      });
    await expectProblem(await request(`${filled} `), "payload_too_large");
    await expectReceipt(await request(filled), 201);
  });
});

describe("bodies that do not arrive", () => {
  const body = '{"selections":[1]}';

  test("nothing after the head: request_timeout, and the connection is closed", async () => {
    using connection = await RawConnection.open(gateway.url);
    connection.send(ballotHead({ "content-length": body.length }));
    const sentMs = performance.now();
    await expectRawProblem(connection, "request_timeout");
    await connection.closed;
    expect(performance.now() - sentMs).toBeWithin(BODY_TIMEOUT_MS - 50, BODY_TIMEOUT_MS + 1_000);
  });

  test.each(["content-length", "transfer-encoding"])(
    "a byte now and then, by %s: request_timeout",
    async (framing) => {
      using connection = await RawConnection.open(gateway.url);
      const isChunked = framing === "transfer-encoding";
      connection.send(ballotHead(isChunked ? { [framing]: "chunked" } : { [framing]: body.length }));
      let at = 0;
      const drip = setInterval(() => {
        const byte = body[at++ % body.length]!;
        connection.send(isChunked ? `1\r\n${byte}\r\n` : byte);
      }, BODY_TIMEOUT_MS / 6);
      const sentMs = performance.now();
      try {
        await expectRawProblem(connection, "request_timeout");
      } finally {
        clearInterval(drip);
      }
      await connection.closed;
      expect(performance.now() - sentMs).toBeWithin(BODY_TIMEOUT_MS - 50, BODY_TIMEOUT_MS + 1_000);
    },
  );

  test("cut in the middle: no answer, nothing recorded, and nothing unexpected", async () => {
    using connection = await RawConnection.open(gateway.url);
    connection.send(ballotHead({ "content-length": body.length }) + body.slice(0, -1));
    connection[Symbol.dispose]();
    await connection.closed;
    await expectProblem(await gateway.find(contest.id, token), "no_such_ballot");
  });

  test("in two parts, in time, is a ballot", async () => {
    const own = await gateway.token(contest, "voter-of-two-parts");
    using connection = await RawConnection.open(gateway.url);
    connection.send(ballotHead({ "content-length": body.length }, own) + body.slice(0, 5));
    await Bun.sleep(BODY_TIMEOUT_MS / 4);
    connection.send(body.slice(5));
    expect((await connection.answer()).status).toBe(201);
  });
});

test("a refusal before the body was read leaves the connection usable, and the body is not taken for a request", async () => {
  using connection = await RawConnection.open(gateway.url);
  const smuggled = "GET /v1/contests/smuggled HTTP/1.1\r\nhost: urna.test\r\n\r\n";
  connection.send(ballotHead({ "content-length": smuggled.length }, "no-token") + smuggled);
  await expectRawProblem(connection, "invalid_token");
  connection.send(`GET /v1/contests/${contest.id} HTTP/1.1\r\nhost: urna.test\r\n\r\n`);
  const next = await connection.answer();
  expect([next.status, JSON.parse(next.body).id]).toEqual([200, contest.id]);
});

function ballotHead(framing: Record<string, string | number>, bearer = token): string {
  return postHead(`/v1/contests/${contest.id}/ballots`, {
    authorization: `Bearer ${bearer}`,
    "content-type": "application/json",
    ...framing,
  });
}

async function expectRawProblem(connection: RawConnection, code: ProblemCode): Promise<void> {
  const answer = await connection.answer();
  expectProblemText(answer, answer.body, code);
}
