/** The calls of the HTTP contract, one entry each: what it takes, what it answers, which problems it may have. */
import type { ProblemCode } from "../runtime/problem.ts";
import { type JsonSchema, ref } from "./schemas.ts";

export type Operation = {
  method: "get" | "post";
  /** Parameters in braces. */
  path: string;
  summary: string;
  token: "voter" | "admin" | "none";
  body?: JsonSchema;
  answers: Record<number, Answer>;
  problems: readonly ProblemCode[];
};

type Answer = { description: string; contentType?: string; schema?: JsonSchema };

const CONTEST = "/v1/contests/{contest}";

const BODY_PROBLEMS = [
  "malformed_json",
  "request_timeout",
  "payload_too_large",
  "unsupported_media_type",
] as const;
const VOTER_PROBLEMS = [
  "invalid_token",
  "wrong_election",
  "no_such_contest",
  "too_many_requests",
  "not_recorded",
] as const;
const CONTEST_PROBLEMS = ["no_such_contest", "too_many_requests", "not_available"] as const;

export const OPERATIONS: readonly Operation[] = [
  {
    method: "post",
    path: `${CONTEST}/ballots`,
    summary: "Cast a ballot. Safe to repeat: the same ballot again has the same receipt.",
    token: "voter",
    body: ref("Ballot"),
    answers: {
      201: { description: "Recorded by this request", schema: ref("RecordedBallot") },
      200: { description: "The same ballot was recorded before", schema: ref("RecordedBallot") },
      202: {
        description:
          "Accepted, of a buffered election: at least two brokers have it. What becomes of it, /v1/receipts/verify tells.",
        schema: ref("AcceptedBallot"),
      },
    },
    problems: [
      ...VOTER_PROBLEMS,
      ...BODY_PROBLEMS,
      "invalid_ballot",
      "already_voted",
      "contest_not_open",
      "outcome_unknown",
    ],
  },
  {
    method: "get",
    path: `${CONTEST}/ballot`,
    summary: "Find the voter's own ballot",
    token: "voter",
    answers: { 200: { description: "It is recorded", schema: ref("RecordedBallot") } },
    problems: [...VOTER_PROBLEMS, "no_such_ballot"],
  },
  {
    method: "post",
    path: "/v1/receipts/verify",
    summary: "Ask what has become of a receipt; anybody may who holds it",
    token: "none",
    body: ref("AnyReceipt"),
    answers: {
      200: {
        description:
          "What the ledger says, by itself. recorded: it counts. accepted: it has not come to this ballot yet. duplicate: another ballot of the voter counts. rejected: it does not count, and why. unknown_receipt: this receipt is of no ballot.",
        schema: ref("Verification"),
      },
    },
    problems: [...BODY_PROBLEMS, "invalid_request", "too_many_requests", "not_available"],
  },
  {
    method: "get",
    path: "/v1/contests",
    summary: "The contests that the public may know of, newest first, at most 100",
    token: "none",
    answers: { 200: { description: "As of at most a second ago", schema: ref("Contests") } },
    problems: ["too_many_requests", "not_available"],
  },
  {
    method: "get",
    path: CONTEST,
    summary: "A contest's definition",
    token: "none",
    answers: { 200: { description: "As of at most a second ago", schema: ref("Contest") } },
    problems: CONTEST_PROBLEMS,
  },
  {
    method: "get",
    path: `${CONTEST}/results`,
    summary: "A contest's results, provisional until final",
    token: "none",
    answers: { 200: { description: "Without choices while they are hidden", schema: ref("Results") } },
    problems: CONTEST_PROBLEMS,
  },
  {
    method: "get",
    path: `${CONTEST}/results/stream`,
    summary: "A contest's results as they move: Server-Sent Events, every one a whole snapshot",
    token: "none",
    answers: {
      200: {
        description:
          "Events: `history` (the turnout so far), `results` (Results, with an id for Last-Event-ID), `goodbye` (why it ends)",
        contentType: "text/event-stream",
        schema: { type: "string" },
      },
    },
    problems: CONTEST_PROBLEMS,
  },
  {
    method: "post",
    path: "/v1/elections",
    summary: "Create an election. Safe to repeat with an id of one's own.",
    token: "admin",
    body: ref("NewElection"),
    answers: { 201: { description: "Created, now or before", schema: ref("Election") } },
    problems: administrationProblems("id_taken"),
  },
  {
    method: "post",
    path: "/v1/elections/{election}/contests",
    summary: "Create a contest in an election. Safe to repeat with an id of one's own.",
    token: "admin",
    body: ref("NewContest"),
    answers: { 201: { description: "Created, now or before", schema: ref("Contest") } },
    problems: administrationProblems("no_such_election", "id_taken"),
  },
  {
    method: "post",
    path: "/v1/elections/{election}/voter-tokens",
    summary: "Mint voter tokens; the same voter always has the same voter key",
    token: "admin",
    body: ref("VotersToMint"),
    answers: { 200: { description: "In the voters' order", schema: ref("VoterTokens") } },
    problems: administrationProblems("no_such_election", "wrong_pepper"),
  },
  change("open", "Open a contest now"),
  change("close", "Close a contest as soon as every gateway can know; nothing reopens"),
  change("pause", "Pause an open contest"),
  change("resume", "Resume a paused contest"),
  change("extend", "Move a contest's close later", ref("Extension")),
  change("void", "Declare a contest without effect, with a reason", ref("Voiding")),
  {
    method: "get",
    path: "/healthz",
    summary: "Whether the process is alive",
    token: "none",
    answers: { 200: { description: "It is", schema: ref("Liveness") } },
    problems: [],
  },
  {
    method: "get",
    path: "/readyz",
    summary:
      "Whether the process should get traffic: the ledger, the durability gate, whether it is stopping",
    token: "none",
    answers: {
      200: { description: "It should", schema: ref("Readiness") },
      503: { description: "It should not, and why", schema: ref("Readiness") },
    },
    problems: [],
  },
  {
    method: "get",
    path: "/metrics",
    summary: "Prometheus metrics",
    token: "none",
    answers: {
      200: { description: "Text exposition format", contentType: "text/plain", schema: { type: "string" } },
    },
    problems: [],
  },
  {
    method: "get",
    path: "/openapi.json",
    summary: "This document",
    token: "none",
    answers: { 200: { description: "OpenAPI 3.1", schema: { type: "object" } } },
    problems: [],
  },
];

function change(name: string, summary: string, body?: JsonSchema): Operation {
  return {
    method: "post",
    path: `${CONTEST}/${name}`,
    summary,
    token: "admin",
    ...(body === undefined ? {} : { body }),
    answers: { 200: { description: "The contest as it is now", schema: ref("Contest") } },
    problems: administrationProblems("no_such_contest", "contest_state"),
  };
}

function administrationProblems(...own: ProblemCode[]): ProblemCode[] {
  return [
    "not_authorized",
    "too_many_requests",
    ...BODY_PROBLEMS,
    "invalid_request",
    ...own,
    "not_available",
  ];
}
