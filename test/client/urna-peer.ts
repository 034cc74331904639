/** A small peer that speaks the contract from memory, for testing clients; every fault is put in by the test. */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import type { ContestAnswer } from "../../src/election/answers.ts";
import type { AcceptedReceipt, Receipt } from "../../src/election/receipt.ts";
import { PeerLog } from "./peer-log.ts";

export const ADMIN_TOKEN = "peer-admin-token";

type PeerContest = ContestAnswer & { ballots: Map<string, Receipt>; log: PeerLog | null };
type PeerElection = {
  id: string;
  title: string;
  buffering: { partitions: number; ledgers: string[] } | null;
};
type ElectionBody = { id?: string; title: string; buffering?: { partitions?: number; ledgers?: string[] } };

export type UrnaPeer = AsyncDisposable & {
  url: string;
  contests: Map<string, PeerContest>;
  /** Ballot requests seen so far, refused ones among them. */
  ballotRequests: number;
  mintingCalls: number;
  /** Questions after receipts seen so far. */
  verifications: number;
  /** What to answer instead; undefined: what the contract says. Called with the number of the request, from 1. */
  fault: ((ballotRequest: number) => Response | undefined) | null;
  /** Like `fault`, of questions after receipts. */
  verifyFault: ((question: number) => Response | undefined) | null;
  /** Like `fault`, but after the ballot was recorded: the answer is lost. */
  lostAnswer: ((ballotRequest: number) => Response | undefined) | null;
};

export function startUrnaPeer(port = 0): UrnaPeer {
  const elections = new Map<string, PeerElection>();
  const contests = new Map<string, PeerContest>();
  let places = 0;

  const server = Bun.serve({
    hostname: "127.0.0.1",
    port,
    routes: {
      "/v1/elections": {
        POST: administrative(async (request) => {
          const { id = randomUUID(), title, buffering } = (await request.json()) as ElectionBody;
          const asked = buffering === undefined ? null : { partitions: 4, ledgers: ["east"], ...buffering };
          if (!elections.has(id)) elections.set(id, { id, title, buffering: asked });
          const election = elections.get(id)!;
          if ((election.buffering === null) !== (asked === null)) return problem(409, "id_taken");
          return Response.json(election, { status: 201 });
        }),
      },
      "/v1/elections/:election/contests": {
        POST: administrative(async (request) => {
          const body = (await request.json()) as { id?: string; options: string[] } & ContestAnswer;
          const id = body.id ?? randomUUID();
          const before = contests.get(id);
          const election = elections.get(request.params.election!);
          const contest = before ?? newContest(id, request.params.election!, body);
          if (before === undefined && election?.buffering) {
            contest.buffered = true;
            contest.log = new PeerLog(election.buffering.partitions, contest.ballots);
          }
          if (contest.options.map(({ title }) => title).join() !== body.options.join()) {
            return problem(409, "id_taken");
          }
          contests.set(id, contest);
          return contestResponse(contest, 201);
        }),
      },
      "/v1/elections/:election/voter-tokens": {
        POST: administrative(async (request) => {
          peer.mintingCalls++;
          const { voters } = (await request.json()) as { voters: string[] };
          const tokens = voters.map((voter) => createHash("sha256").update(voter).digest("base64url"));
          return Response.json({ tokens });
        }),
      },
      "/v1/receipts/verify": {
        POST: async (request) => {
          const question = ++peer.verifications;
          const fault = peer.verifyFault?.(question);
          if (fault !== undefined) return fault;
          const receipt = (await request.json()) as AcceptedReceipt;
          const contest = [...contests.values()].find(({ uuid }) => uuid === receipt.contest);
          return Response.json(
            contest?.log?.verify(receipt) ?? { status: "unknown_receipt", reason: "gone" },
          );
        },
      },
      "/v1/contests/:contest": (request) => found(contests.get(request.params.contest), contestResponse),
      "/v1/contests/:contest/results": (request) => found(contests.get(request.params.contest), resultsOf),
      "/v1/contests/:contest/ballots": {
        POST: async (request) => {
          const number = ++peer.ballotRequests;
          const fault = peer.fault?.(number);
          if (fault !== undefined) return fault;
          const answer = castInto(contests.get(request.params.contest), request, await request.text());
          return peer.lostAnswer?.(number) ?? answer;
        },
      },
      "/v1/contests/:contest/:action": {
        POST: administrative(async (request) => {
          const contest = contests.get(request.params.contest!)!;
          if (request.params.action === "open") contest.state = "open";
          if (request.params.action === "close") contest.state = "final";
          return contestResponse(contest, 200);
        }),
      },
    },
  });

  function castInto(contest: PeerContest | undefined, request: Request, body: string): Response {
    if (contest === undefined) return problem(404, "no_such_contest");
    const voter = request.headers.get("authorization") ?? "";
    const { selections, nonce } = JSON.parse(body) as { selections: number[]; nonce?: string };
    if (selections.length > 1) return problem(422, "invalid_ballot");
    if (contest.log !== null) {
      const ballot = { contest: contest.uuid, selections, nonce: nonce ?? drawn(16) };
      return Response.json(
        { status: "accepted", receipt: contest.log.append(voter, ballot) },
        { status: 202 },
      );
    }
    const before = contest.ballots.get(voter);
    if (before !== undefined) {
      const same = before.selections[0] === selections[0] && (nonce ?? before.nonce) === before.nonce;
      return same ? recorded(200, before) : problem(409, "already_voted");
    }
    const place = places++;
    const receipt: Receipt = {
      contest: contest.uuid,
      leaf: drawn(32),
      nonce: nonce ?? drawn(16),
      selections,
      stream: 7,
      seq: Math.floor(place / 100),
      index: place % 100,
      recordedAt: new Date().toISOString(),
    };
    contest.ballots.set(voter, receipt);
    return recorded(201, receipt);
  }

  const peer: UrnaPeer = {
    url: `http://127.0.0.1:${server.port}`,
    contests,
    ballotRequests: 0,
    mintingCalls: 0,
    verifications: 0,
    fault: null,
    verifyFault: null,
    lostAnswer: null,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
  return peer;
}

export function problem(status: number, code: string, headers: Record<string, string> = {}): Response {
  return Response.json({ code, title: code, detail: `the peer says ${code}`, status }, { status, headers });
}

function drawn(bytes: number): string {
  return randomBytes(bytes).toString("base64url");
}

type RoutedRequest = Request & { params: Record<string, string> };

function administrative(
  handler: (request: RoutedRequest) => Promise<Response>,
): (request: Request) => Promise<Response> {
  return async (request) => {
    if (request.headers.get("authorization") !== `Bearer ${ADMIN_TOKEN}`)
      return problem(401, "not_authorized");
    return handler(request as RoutedRequest);
  };
}

function newContest(
  id: string,
  election: string,
  body: Omit<ContestAnswer, "options"> & { options: string[] },
): PeerContest {
  return {
    id,
    uuid: randomUUID(),
    election,
    buffered: false,
    title: body.title,
    method: "single-choice",
    options: body.options.map((title, i) => ({ number: i + 1, title })),
    allowBlank: body.allowBlank,
    resultsVisible: "live",
    opensAt: null,
    closesAt: null,
    state: "draft",
    paused: false,
    void: null,
    ballots: new Map(),
    log: null,
  };
}

function found(
  contest: PeerContest | undefined,
  respond: (contest: PeerContest, status: number) => Response,
) {
  return contest === undefined ? problem(404, "no_such_contest") : respond(contest, 200);
}

function contestResponse({ ballots: _, log: __, ...contest }: PeerContest, status: number): Response {
  return Response.json(contest, { status });
}

function resultsOf(contest: PeerContest): Response {
  const votes = (option: number) =>
    [...contest.ballots.values()].filter(({ selections }) => (selections[0] ?? 0) === option).length;
  return Response.json({
    contest: contest.id,
    state: contest.state,
    turnout: contest.ballots.size,
    asOf: new Date().toISOString(),
    final: contest.state === "final",
    ballots: contest.ballots.size,
    blank: votes(0),
    counts: contest.options.map(({ number }) => ({ option: number, votes: votes(number) })),
  });
}

function recorded(status: number, receipt: Receipt): Response {
  return Response.json({ status: "recorded", receipt }, { status });
}
