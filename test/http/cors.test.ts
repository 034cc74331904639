/** CORS on the calls that other sites' pages may make: the origins that the election names, and no others. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Contest } from "../../src/election/contest.ts";
import { expectProblem, expectReceipt } from "../support/answers.ts";
import { startTestGateway, type TestGateway } from "../support/test-gateway.ts";

const ALLOWED = "https://show.example";

let gateway: TestGateway;
let contest: Contest;
beforeAll(async () => {
  gateway = await startTestGateway();
  contest = await gateway.contest();
});
afterAll(() => gateway[Symbol.asyncDispose]());

const call = (method: string, path: string, headers: Record<string, string>, body?: string) =>
  fetch(`${gateway.url}/v1/contests/${contest.id}${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
  });
const allowed = (response: Response) => response.headers.get("access-control-allow-origin");

test.each([
  ["/ballots", "POST"],
  ["/ballot", "GET"],
  ["", "GET"],
])("preflight of %s: the allowed origin may %s, and needs to ask once a day", async (path, method) => {
  const response = await call("OPTIONS", path, { origin: ALLOWED, "access-control-request-method": method });
  expect(response.status).toBe(204);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "access-control-allow-origin": ALLOWED,
    "access-control-allow-methods": method,
    "access-control-allow-headers": "authorization, content-type, last-event-id",
    "access-control-max-age": "86400",
    vary: "origin",
  });
  expect(await response.text()).toBe("");
});

test.each(["https://evil.example", "https://show.example.evil.example", "http://show.example", "null", "*"])(
  "origin %s is allowed nothing, whether preflighted or not",
  async (origin) => {
    for (const path of ["/ballots", "/ballot", ""]) {
      const preflight = await call("OPTIONS", path, { origin });
      expect([preflight.status, allowed(preflight)]).toEqual([204, null]);
      expect(preflight.headers.get("access-control-allow-methods")).toBeNull();
    }
    expect(allowed(await call("GET", "", { origin }))).toBeNull();
  },
);

test("without an origin there is nothing to allow", async () => {
  expect(allowed(await call("OPTIONS", "/ballots", {}))).toBeNull();
  expect(allowed(await call("GET", "", {}))).toBeNull();
});

test("every answer can be read by the allowed origin, refusals and their Retry-After too", async () => {
  const origin = ALLOWED;
  const token = await gateway.token(contest, "voter-1");
  const headers = { origin, authorization: `Bearer ${token}`, "content-type": "application/json" };
  const readable = (response: Response) => {
    expect(allowed(response)).toBe(ALLOWED);
    expect(response.headers.get("access-control-expose-headers")).toBe("retry-after");
    expect(response.headers.get("vary")).toBe("origin");
    return response;
  };
  await expectProblem(readable(await call("GET", "/ballot", headers)), "no_such_ballot");
  await expectReceipt(readable(await call("POST", "/ballots", headers, '{"selections":[1]}')), 201);
  await expectReceipt(readable(await call("GET", "/ballot", headers)), 200);
  await expectProblem(readable(await call("POST", "/ballots", headers, "{}")), "invalid_ballot");
  await expectProblem(readable(await call("POST", "/ballots", { origin }, "{}")), "invalid_token");
  await expectProblem(readable(await call("GET", "/ballot", { origin })), "invalid_token");
  readable(await call("GET", "", headers));
  // What was allowed to one request is not left for the next.
  expect(allowed(await call("GET", "", {}))).toBeNull();
});

test("administration is for no other site's page", async () => {
  for (const path of ["/close", "/open"]) {
    const preflight = await call("OPTIONS", path, {
      origin: ALLOWED,
      "access-control-request-method": "POST",
    });
    await expectProblem(preflight, "method_not_allowed");
    expect(allowed(preflight)).toBeNull();
    expect(allowed(await call("POST", path, { origin: ALLOWED }))).toBeNull();
  }
});
