/**
 * Casting a ballot: from a request to a verdict. The order of the checks is part of the contract: token, contest,
 * body, the ledger's row, the contest's state. A voter who is recorded is told so even after the close.
 */
import { randomBytes } from "node:crypto";
import type { TokenKey } from "../admission/secrets.ts";
import { readVoterToken, type VoterTokenClaims } from "../admission/voter-token.ts";
import type { AcceptedPlace } from "../buffering/append-lane.ts";
import type { ContestDirectory } from "../contests/directory.ts";
import { noSuchContest } from "../contests/find-contest.ts";
import {
  type Contest,
  contestStateAt,
  isClosingAt,
  notOpenReason,
  takesBallotsAt,
} from "../election/contest.ts";
import { NONCE_BYTES, receiptLeaf } from "../ledger/leaf.ts";
import type { Ballot, RecordedBallot } from "../recording/ledger.ts";
import { type CastRequest, type Verdict, verdictOnRow } from "../recording/verdict.ts";
import type { Clock } from "../runtime/clock.ts";
import { Problem } from "../runtime/problem.ts";
import { withinTime } from "../runtime/within-time.ts";
import type { Accepting } from "./accepting.ts";
import type { ClosingWatch } from "./closing-watch.ts";
import type { Lanes } from "./lanes.ts";
import { parseBallot } from "./parse-ballot.ts";
import type { VoterBallots } from "./voter-ballots.ts";
import type { VoterLimiter } from "./voter-limiter.ts";

export type CastingParts = {
  tokenKeys: readonly TokenKey[];
  directory: ContestDirectory;
  closing: ClosingWatch;
  lanes: Lanes;
  /** Null where this gateway takes no ballots of buffered elections. */
  accepting: Accepting | null;
  ballots: VoterBallots;
  limiter: VoterLimiter;
  /** From a request's arrival to its answer. */
  deadlineMs: number;
  clock: Clock;
};

/** A ballot that the ledger has, and its leaf: `isNew` when this very request recorded it. */
export type RecordedResult = { ballot: RecordedBallot; leaf: string; contest: Contest; isNew: boolean };

/** A ballot that is on its way to a ledger, in the log. */
export type AcceptedResult = { accepted: AcceptedPlace; ballot: Ballot; contest: Contest };

export type CastResult = RecordedResult | AcceptedResult;

type Voter = Pick<VoterTokenClaims, "electionUuid" | "voterKey"> & { hasExpired: boolean };

/** The voter's row of the ledger; without one, whether a ballot of theirs is on its way there through this gateway. */
type Found = { status: "recorded"; ballot: RecordedBallot } | { status: "on_its_way" | "none" };

/** When a request had been read whole, and when, by the steady clock, it must be answered. */
type Arrival = { atMs: number; deadlineMs: number };

export class Casting {
  constructor(private readonly parts: CastingParts) {}

  /** `readBody` gives the whole body's text. Throws {@link Problem} for every answer but a recorded or accepted ballot. */
  async cast(token: string | null, contestId: string, readBody: () => Promise<string>): Promise<CastResult> {
    const voter = this.voter(token);
    // Read first, judged after the contest: what is known of a contest must not be older than the body.
    let body: string | Problem;
    try {
      body = await readBody();
    } catch (error) {
      body = problemOrThrow(error);
    }
    const arrival = this.arrival();
    const contest = ofElection(this.known(contestId) ?? (await this.fresh(contestId, arrival)), voter);
    if (body instanceof Problem) throw body;
    const request = parseBallot(contest, body);
    this.admit(voter);
    return voter.hasExpired || !takesBallotsAt(contest, arrival.atMs)
      ? await this.castLate(contestId, voter, request, arrival)
      : await this.record(contest, voter, request, arrival);
  }

  /** The voter's own ballot, as the ledger has it on a standby too. */
  async find(token: string | null, contestId: string): Promise<RecordedResult> {
    const voter = this.voter(token);
    const arrival = this.arrival();
    const contest = ofElection(this.known(contestId) ?? (await this.fresh(contestId, arrival)), voter);
    this.admit(voter);
    this.refuseExpiredOnceFinal(contest, voter);
    const found = await this.lookUp(contest, voter, arrival);
    if (found.status === "recorded") return repeatedResult(contest, found.ballot);
    if (voter.hasExpired) throw expired();
    if (found.status === "on_its_way") throw onItsWay();
    throw new Problem("no_such_ballot", "no ballot of this voter is recorded in this contest");
  }

  private voter(token: string | null): Voter {
    if (token === null)
      throw new Problem("invalid_token", "send your voter token: Authorization: Bearer <token>");
    const claims = readVoterToken(this.parts.tokenKeys, token);
    if (claims === null) throw new Problem("invalid_token", "this is not a voter token that was issued here");
    const { electionUuid, voterKey, expiresAtMs } = claims;
    return { electionUuid, voterKey, hasExpired: expiresAtMs <= this.parts.clock.now() };
  }

  private arrival(): Arrival {
    const { clock, deadlineMs } = this.parts;
    return { atMs: clock.now(), deadlineMs: clock.steadyMs() + deadlineMs };
  }

  private admit({ voterKey }: Voter): void {
    if (this.parts.limiter.admit(voterKey)) return;
    throw new Problem(
      "too_many_requests",
      "this voter asks too often: wait a moment, then ask the same again",
    );
  }

  private refuseExpiredOnceFinal(contest: Contest, voter: Voter): void {
    if (voter.hasExpired && contestStateAt(contest, this.parts.clock.now()) === "final") throw expired();
  }

  private known(contestId: string): Contest | undefined {
    return this.parts.directory.get(contestId);
  }

  private async fresh(contestId: string, arrival: Arrival): Promise<Contest> {
    const contest = await this.fromLedger(this.parts.directory.fresh(contestId), arrival);
    if (contest === null) throw noSuchContest(contestId);
    return contest;
  }

  private async record(
    contest: Contest,
    voter: Voter,
    request: CastRequest,
    { atMs, deadlineMs }: Arrival,
  ): Promise<CastResult> {
    const ballot = ballotOf(contest, voter, request);
    if (contest.buffering !== null) {
      const { accepting } = this.parts;
      if (accepting === null)
        throw new Problem("not_recorded", "this gateway takes no ballots of this election");
      return { accepted: await accepting.accept(contest, ballot, atMs, deadlineMs), ballot, contest };
    }
    const verdict = await this.parts.lanes.cast(ballot, request, deadlineMs);
    // This ballot's leaf is known: another one's is hashed again.
    if (verdict.verdict === "recorded")
      return { ballot: verdict.ballot, leaf: ballot.leaf, contest, isNew: true };
    return resultOf(verdict, contest, this.parts.clock.now());
  }

  /**
   * For a ballot that can't be recorded any more, as far as was known a moment ago, which never refuses one. Whoever is
   * recorded gets the receipt all the same. Others are not refused for a close before the seal: until then an earlier
   * request of theirs may still be recorded, through any gateway.
   */
  private async castLate(
    contestId: string,
    voter: Voter,
    request: CastRequest,
    arrival: Arrival,
  ): Promise<CastResult> {
    let contest = ofElection(await this.fresh(contestId, arrival), voter);
    while (voter.hasExpired || !takesBallotsAt(contest, arrival.atMs)) {
      this.refuseExpiredOnceFinal(contest, voter);
      const found = await this.lookUp(contest, voter, arrival);
      const nowMs = this.parts.clock.now();
      if (found.status === "recorded") return resultOf(verdictOnRow(request, found.ballot), contest, nowMs);
      if (voter.hasExpired) throw expired();
      if (!isClosingAt(contest, arrival.atMs)) {
        if (found.status === "on_its_way") throw onItsWay();
        return resultOf({ verdict: "contest_not_open" }, contest, nowMs);
      }
      const ended = this.parts.closing.ended(contest, arrival.deadlineMs);
      contest = await this.fromLedger(ended, arrival, "this contest is being closed: ask again");
    }
    return this.record(contest, voter, request, arrival);
  }

  private async lookUp(contest: Contest, voter: Voter, arrival: Arrival): Promise<Found> {
    const key = { contestLedgerId: contest.ledgerId, voterKey: voter.voterKey };
    // Asked before the ledger is: what leaves the lane meanwhile is in the ledger then. Once closed, the seal decides.
    const isOnItsWay = contestStateAt(contest, arrival.atMs) === "open" && this.parts.lanes.mayRecord(key);
    const ballot = await this.fromLedger(this.parts.ballots.find(contest, voter.voterKey), arrival);
    if (ballot !== null) return { status: "recorded", ballot };
    return isOnItsWay ? { status: "on_its_way" } : { status: "none" };
  }

  /** A ledger that can't be asked has recorded nothing for this request, whatever it did for earlier ones. */
  private async fromLedger<T>(
    answer: Promise<T>,
    { deadlineMs }: Arrival,
    told = "the ledger does not answer now",
  ): Promise<T> {
    const late = () => new Error("the ledger has not answered in time");
    try {
      return await withinTime(answer, deadlineMs - this.parts.clock.steadyMs(), late);
    } catch (error) {
      throw new Problem("not_recorded", told, { cause: error });
    }
  }
}

/** For a refusal that is told later than it is known. */
function problemOrThrow(error: unknown): Problem {
  if (error instanceof Problem) return error;
  throw error;
}

function ofElection(contest: Contest, voter: Voter): Contest {
  if (contest.electionUuid === voter.electionUuid) return contest;
  throw new Problem("wrong_election", "this voter token is for another election than this contest's");
}

function expired(): Problem {
  return new Problem("invalid_token", "this voter token has expired");
}

function onItsWay(): Problem {
  return new Problem("outcome_unknown", "a ballot of this voter is being recorded: ask again");
}

function ballotOf(contest: Contest, { voterKey }: Voter, { selections, clientNonce }: CastRequest): Ballot {
  const { ledgerId: contestLedgerId, uuid: contestUuid } = contest;
  const nonce = clientNonce ?? randomBytes(NONCE_BYTES).toString("base64url");
  const leaf = receiptLeaf(contestUuid, selections, nonce);
  return { contestLedgerId, contestUuid, voterKey, selections, nonce, leaf };
}

function repeatedResult(contest: Contest, ballot: RecordedBallot): RecordedResult {
  const leaf = receiptLeaf(contest.uuid, ballot.selections, ballot.nonce);
  return { ballot, leaf, contest, isNew: false };
}

/** For whoever's request did not record a ballot itself. */
function resultOf(
  verdict: Exclude<Verdict, { verdict: "recorded" }>,
  contest: Contest,
  nowMs: number,
): RecordedResult {
  switch (verdict.verdict) {
    case "repeated":
      return repeatedResult(contest, verdict.ballot);
    case "already_voted":
      throw new Problem(
        "already_voted",
        "another ballot of this voter is recorded in this contest; a ballot is final",
      );
    case "contest_not_open":
      throw new Problem("contest_not_open", notOpenReason(contest, nowMs));
    case "not_recorded":
    case "outcome_unknown":
      throw new Problem(verdict.verdict, verdict.reason);
  }
}
