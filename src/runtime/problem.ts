/** Expected failures that a caller is told of: the codes of the HTTP contract (RFC 9457), and nothing else. */

export const PROBLEMS = {
  malformed_json: { status: 400, title: "The body is not valid JSON" },
  invalid_token: { status: 401, title: "The voter token is not valid" },
  not_authorized: { status: 401, title: "An admin token is needed" },
  wrong_election: { status: 403, title: "The voter token belongs to another election" },
  no_such_contest: { status: 404, title: "There is no such contest" },
  no_such_election: { status: 404, title: "There is no such election" },
  no_such_ballot: { status: 404, title: "No ballot of this voter is recorded" },
  no_such_page: { status: 404, title: "There is nothing at this address" },
  method_not_allowed: { status: 405, title: "This address does not take that method" },
  request_timeout: { status: 408, title: "The request took too long to arrive" },
  already_voted: { status: 409, title: "Another ballot of this voter is recorded" },
  contest_not_open: { status: 409, title: "The contest takes no ballots now" },
  contest_state: { status: 409, title: "The contest's state does not allow that" },
  id_taken: { status: 409, title: "The id belongs to something else" },
  wrong_pepper: { status: 409, title: "The election was made with another pepper" },
  payload_too_large: { status: 413, title: "The body is too large" },
  unsupported_media_type: { status: 415, title: "The body must be JSON" },
  invalid_ballot: { status: 422, title: "This is not a ballot of the contest" },
  invalid_request: { status: 422, title: "The request can't be understood" },
  too_many_requests: { status: 429, title: "Too many requests" },
  internal_error: { status: 500, title: "Something went wrong here" },
  not_recorded: { status: 503, title: "Not recorded by this request; try again" },
  outcome_unknown: {
    status: 503,
    title: "Not known yet whether it is recorded; try again with the same ballot",
  },
  not_available: { status: 503, title: "Not available now; try again" },
} as const;

export type ProblemCode = keyof typeof PROBLEMS;

/** Thrown by use cases, rendered in one place: http/respond.ts. */
export class Problem extends Error {
  constructor(
    readonly code: ProblemCode,
    detail: string,
    options?: ErrorOptions,
  ) {
    super(detail, options);
  }
}
