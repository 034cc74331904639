/** What tests expect of answers: problem details of the one shape, and receipts. */
import { expect } from "bun:test";
import type { Receipt } from "../../src/election/receipt.ts";
import { PROBLEMS, type ProblemCode } from "../../src/runtime/problem.ts";

/** Of a fetch or of a raw connection. */
type Answer = { status: number; headers: { get(name: string): string | null | undefined } };

/** Asserts that the answer is this problem, in the shape that every problem has; returns its detail. */
export async function expectProblem(response: Response, code: ProblemCode): Promise<string> {
  return expectProblemText(response, await response.text(), code);
}

export function expectProblemText(answer: Answer, text: string, code: ProblemCode): string {
  const body = JSON.parse(text);
  const { status, title } = PROBLEMS[code];
  expect(body).toEqual({
    type: `urn:urna:problem:${code}`,
    code,
    title,
    status,
    detail: expect.stringMatching(/./),
  });
  expect(answer.status).toBe(status);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(answer.headers.get("cache-control")).toBe("no-store");
  const retryAfter = answer.headers.get("retry-after") ?? null;
  if (status === 503 || status === 429) expect(retryAfter).toMatch(/^[1-9]$/);
  else expect(retryAfter).toBeNull();
  return body.detail;
}

/** Asserts that the answer carries a receipt with this status; returns it. */
export async function expectReceipt(response: Response, status: 200 | 201): Promise<Receipt> {
  const body = (await response.json()) as { status: string; receipt: Receipt };
  expect({ status: response.status, body }).toEqual({
    status,
    body: { status: "recorded", receipt: expect.any(Object) },
  });
  return body.receipt;
}
