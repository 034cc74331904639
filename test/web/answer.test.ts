/** Answers: what each response of the gateway means, and that nothing else is taken for one. */
import { describe, expect, test } from "bun:test";
import { readAnswer, readFate, readRetryAfterMs } from "../../src/web/answer.ts";

const NONCE = "AAAAAAAAAAAAAAAAAAAAAA";
const receipt = { nonce: NONCE, leaf: "l" };
const read = (status: number, body: unknown, retryAfterMs = 0) =>
  readAnswer({ status, retryAfterMs, body }, NONCE);

describe("a ballot's answer", () => {
  test.each([
    [201, { status: "recorded", receipt }, "recorded"],
    [200, { status: "recorded", receipt }, "recorded"],
    [202, { status: "accepted", receipt }, "accepted"],
    [409, { code: "already_voted" }, "already_voted"],
    [429, { code: "rate_limited" }, "not_recorded"],
    [503, { code: "not_recorded" }, "not_recorded"],
    [503, { code: "outcome_unknown" }, "unknown"],
    [500, { code: "internal_error" }, "unknown"],
  ])("%d %o is %s", (status, body, kind) => {
    expect(read(status, body).kind).toBe(kind as ReturnType<typeof read>["kind"]);
  });

  test.each([
    [409, "contest_not_open"],
    [401, "invalid_token"],
    [403, "wrong_election"],
    [404, "no_such_contest"],
    [422, "invalid_ballot"],
  ])("%d %s is a refusal", (status, code) => {
    expect(read(status, { code, detail: "why" })).toMatchObject({
      kind: "refused",
      refusal: { code: code as "invalid_ballot", detail: "why" },
    });
  });

  test.each([
    [408, "request_timeout"],
    [404, "no_such_page"],
    [405, "method_not_allowed"],
    [503, "not_available"],
  ])("%d %s does not speak of the ballot, and settles nothing", (status, code) => {
    expect(read(status, { code }).kind).toBe("unknown");
  });

  test.each([400, 413, 415, 422])("%d, whatever its code, is an invalid ballot", (status) => {
    expect(read(status, { code: "something" })).toMatchObject({ refusal: { code: "invalid_ballot" } });
  });

  test.each([
    ["a captive portal's page", 200, undefined],
    ["a success without a receipt", 201, { status: "recorded" }],
    ["a receipt of another ballot", 201, { receipt: { nonce: "BBBBBBBBBBBBBBBBBBBBBB" } }],
    ["a proxy's 403 page", 403, undefined],
    ["a proxy's 413 page", 413, undefined],
    ["a proxy's 404 page", 404, "<html>"],
    ["a load balancer's 503", 503, undefined],
    ["a bad gateway", 502, undefined],
  ])("%s settles nothing", (_what, status, body) => {
    expect(read(status, body)).toEqual({ kind: "unknown", retryAfterMs: 0 });
  });

  test("Retry-After is passed on", () => {
    expect(read(503, { code: "not_recorded" }, 4000)).toMatchObject({ retryAfterMs: 4000 });
  });
});

test("only a definite fate is one", () => {
  const fate = (status: number, body: unknown) => readFate({ status, retryAfterMs: 0, body }, NONCE).fate;
  expect(fate(200, { status: "recorded", receipt })).toBe("recorded");
  expect(fate(200, { status: "duplicate" })).toBe("duplicate");
  expect(fate(200, { status: "rejected", reason: "closed" })).toBe("rejected");
  expect(fate(200, { status: "accepted" })).toBe("pending");
  expect(fate(200, { status: "unknown_receipt" })).toBe("lost");
  expect(fate(200, { status: "recorded" })).toBe("pending");
  expect(fate(200, { status: "recorded", receipt: { nonce: "another" } })).toBe("pending");
  expect(fate(200, undefined)).toBe("pending");
  expect(fate(503, { status: "recorded" })).toBe("pending");
});

test("Retry-After is seconds or a date", () => {
  const nowMs = Date.parse("2026-01-01T00:00:00Z");
  expect(readRetryAfterMs("3", nowMs)).toBe(3000);
  expect(readRetryAfterMs("Thu, 01 Jan 2026 00:00:05 GMT", nowMs)).toBe(5000);
  expect(readRetryAfterMs(null, nowMs)).toBe(0);
  expect(readRetryAfterMs("soon", nowMs)).toBe(0);
});
