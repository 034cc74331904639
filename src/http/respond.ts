/** Responses: JSON, and problem details (RFC 9457), rendered here and nowhere else. */
import { PROBLEMS, Problem, type ProblemCode } from "../runtime/problem.ts";

/** Made once: a response copies them, for less than half of what it costs to make them of an object. */
const JSON_HEADERS = new Headers({ "content-type": "application/json", "cache-control": "no-store" });

export function json(value: unknown, status = 200): Response {
  return jsonText(JSON.stringify(value), status);
}

/** A value that has been encoded already. */
export function jsonText(text: string, status = 200): Response {
  return new Response(text, { status, headers: JSON_HEADERS });
}

export function problem(code: ProblemCode, detail: string): Response {
  return preparedProblem(code, detail)();
}

/** For what is told very often, and must cost next to nothing then. */
export function preparedProblem(code: ProblemCode, detail: string): () => Response {
  const { status, title } = PROBLEMS[code];
  const text = JSON.stringify({ type: `urn:urna:problem:${code}`, code, title, status, detail });
  const plain = {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
    ...PROBLEM_HEADERS[code],
  };
  // Jittered, so that those who were refused together do not come back together.
  const choices =
    status === 503 || status === 429
      ? RETRY_AFTER_SECONDS.map((seconds) => new Headers({ ...plain, "retry-after": seconds }))
      : [new Headers(plain)];
  return () => {
    const headers = choices[Math.floor(Math.random() * choices.length)]!;
    return new Response(text, { status, headers });
  };
}

/** To a caller who must wait for so long: a caller's own window needs no jitter. */
export function tooManyCalls(waitMs: number): Response {
  const seconds = Math.ceil(waitMs / 1_000);
  const response = problem("too_many_requests", `this address asked too often: come back in ${seconds} s`);
  response.headers.set("retry-after", String(seconds));
  return response;
}
const RETRY_AFTER_SECONDS = ["1", "2", "3"];

// What was not read of a body would be taken for the next request.
const CLOSE = { connection: "close" };

const PROBLEM_HEADERS: Partial<Record<ProblemCode, Record<string, string>>> = {
  invalid_token: { "www-authenticate": 'Bearer realm="urna", error="invalid_token"' },
  not_authorized: { "www-authenticate": 'Bearer realm="urna-admin"' },
  payload_too_large: CLOSE,
  request_timeout: CLOSE,
};

/**
 * Whatever a handler threw, as an answer. What was not expected, and what lies behind a problem, is told to `report`
 * and to nobody else.
 */
export function failure(error: unknown, report: (error: unknown) => void): Response {
  if (error instanceof Problem) {
    if (error.cause !== undefined) report(error);
    return problem(error.code, error.message);
  }
  report(error);
  return problem("internal_error", "this has been logged; trying again is safe");
}
