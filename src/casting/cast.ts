/**
 * Casting a ballot: from a request to a verdict. The order of the checks is part of the contract: token, contest,
 * body, the ledger's row, the contest's state. A voter who is recorded is told so even after the close.
 */
import { randomFillSync } from "node:crypto";
import type { TokenKey } from "../admission/secrets.ts";
import { readVoterToken, type VoterTokenClaims } from "../admission/voter-token.ts";
import type { ContestDirectory } from "../contests/directory.ts";
import { type Contest, contestStateAt, notOpenReason, takesBallotsAt } from "../election/contest.ts";
import { encodeSelections } from "../election/selections.ts";
import { ballotLeaf } from "../ledger/leaf.ts";
import { uuidToBytes } from "../ledger/uuid.ts";
import type { Ballot, BallotFinder, RecordedBallot } from "../recording/ledger.ts";
import { type CastRequest, type Verdict, verdictOnRow } from "../recording/verdict.ts";
import { Problem } from "../runtime/problem.ts";
import { withinTime } from "../runtime/within-time.ts";
import type { Lanes } from "./lanes.ts";
import { parseBallot } from "./parse-ballot.ts";
import type { VoterLimiter } from "./voter-limiter.ts";

export type CastingParts = {
  tokenKeys: readonly TokenKey[];
  directory: ContestDirectory;
  lanes: Lanes;
  finder: BallotFinder;
  limiter: VoterLimiter;
  /** How long the ledger may take to say what it knows of a contest or a ballot; recording has a bound of its own. */
  lookUpTimeoutMs: number;
  now: () => number;
};

/** A ballot that the ledger has, and its leaf: `isNew` when this very request recorded it. */
export type CastResult = { ballot: RecordedBallot; leaf: Buffer; contest: Contest; isNew: boolean };

type Voter = VoterTokenClaims & { hasExpired: boolean };

export class Casting {
  constructor(private readonly parts: CastingParts) {}

  /** `readBody` gives the whole body's text. Throws {@link Problem} for every answer but a recorded ballot. */
  async cast(token: string | null, contestId: string, readBody: () => Promise<string>): Promise<CastResult> {
    const voter = this.voter(token);
    await this.contest(contestId, voter);
    const body = await readBody();
    const arrivedAtMs = this.parts.now();
    // Asked again, for a body may take longer than what is known of a contest may be believed: it may be closed by now.
    const contest = await this.contest(contestId, voter);
    const request = parseBallot(contest, body);
    this.admit(voter);
    const open = voter.hasExpired ? undefined : await this.ifOpen(contest, arrivedAtMs);
    if (open === undefined) return this.answerFromLedger(contest, voter, request);
    const ballot = ballotOf(open, voter, request);
    const verdict = await this.parts.lanes.cast(ballot, request);
    return resultOf(verdict, open, this.parts.now(), ballot.leaf);
  }

  /** The voter's own ballot, as the ledger has it on a standby too. */
  async find(token: string | null, contestId: string): Promise<CastResult> {
    const voter = this.voter(token);
    const contest = await this.contest(contestId, voter);
    this.admit(voter);
    this.refuseExpiredOnceFinal(contest, voter);
    const row = await this.row(contest, voter);
    if (row !== undefined) return { ballot: row, leaf: leafOf(contest, row), contest, isNew: false };
    if (voter.hasExpired) throw expired();
    throw new Problem("no_such_ballot", "no ballot of this voter is recorded in this contest");
  }

  private voter(token: string | null): Voter {
    if (token === null)
      throw new Problem("invalid_token", "send your voter token: Authorization: Bearer <token>");
    const claims = readVoterToken(this.parts.tokenKeys, token);
    if (claims === null) throw new Problem("invalid_token", "this is not a voter token that was issued here");
    return { ...claims, hasExpired: claims.expiresAtMs <= this.parts.now() };
  }

  private admit({ voterKey }: Voter): void {
    if (this.parts.limiter.admit(voterKey)) return;
    throw new Problem(
      "too_many_requests",
      "this voter asks too often: wait a moment, then ask the same again",
    );
  }

  private refuseExpiredOnceFinal(contest: Contest, voter: Voter): void {
    if (voter.hasExpired && contestStateAt(contest, this.parts.now()) === "final") throw expired();
  }

  /** At once where the directory knows. */
  private contest(contestId: string, voter: Voter): Contest | Promise<Contest> {
    const known = this.parts.directory.get(contestId);
    if (known !== undefined) return ofElection(known, voter);
    return this.fresh(contestId).then((contest) => ofElection(contest, voter));
  }

  private async fresh(contestId: string): Promise<Contest> {
    const contest = await this.fromLedger(this.parts.directory.fresh(contestId));
    if (contest === null)
      throw new Problem("no_such_contest", `there is no contest ${contestId.slice(0, 64)}`);
    return contest;
  }

  /** The contest if it takes a ballot that arrived then; what was known a moment ago never refuses one. */
  private ifOpen(contest: Contest, arrivedAtMs: number): Contest | Promise<Contest | undefined> {
    if (takesBallotsAt(contest, arrivedAtMs)) return contest;
    return this.fresh(contest.id).then((current) =>
      takesBallotsAt(current, arrivedAtMs) ? current : undefined,
    );
  }

  /** For ballots that can't be recorded any more: whoever is recorded already gets the receipt all the same. */
  private async answerFromLedger(contest: Contest, voter: Voter, request: CastRequest): Promise<CastResult> {
    this.refuseExpiredOnceFinal(contest, voter);
    const row = await this.row(contest, voter);
    const nowMs = this.parts.now();
    if (row !== undefined) return resultOf(verdictOnRow(request, row), contest, nowMs);
    if (voter.hasExpired) throw expired();
    const current = this.parts.directory.get(contest.id) ?? contest;
    return resultOf({ verdict: "contest_not_open" }, current, nowMs);
  }

  private async row(contest: Contest, voter: Voter): Promise<RecordedBallot | undefined> {
    const key = { contestLedgerId: contest.ledgerId, voterKey: voter.voterKey };
    return (await this.fromLedger(this.parts.finder.find([key])))[0];
  }

  /** A ledger that can't be asked has recorded nothing for this request, whatever it did for earlier ones. */
  private async fromLedger<T>(answer: Promise<T>): Promise<T> {
    const { lookUpTimeoutMs } = this.parts;
    const late = () => new Error(`the ledger has not answered within ${lookUpTimeoutMs} ms`);
    try {
      return await withinTime(answer, lookUpTimeoutMs, late);
    } catch (error) {
      throw new Problem("not_recorded", "the ledger does not answer now", { cause: error });
    }
  }
}

function ofElection(contest: Contest, voter: Voter): Contest {
  if (contest.electionUuid === voter.electionUuid) return contest;
  throw new Problem("wrong_election", "this voter token is for another election than this contest's");
}

function expired(): Problem {
  return new Problem("invalid_token", "this voter token has expired");
}

function leafOf(contest: Contest, { selections, nonce }: Pick<Ballot, "selections" | "nonce">): Buffer {
  return ballotLeaf(uuidToBytes(contest.uuid), encodeSelections(selections), nonce);
}

function ballotOf(contest: Contest, voter: Voter, request: CastRequest): Ballot {
  const nonce = request.clientNonce ?? randomFillSync(Buffer.allocUnsafe(16));
  return {
    contestLedgerId: contest.ledgerId,
    contestUuid: contest.uuid,
    voterKey: voter.voterKey,
    selections: request.selections,
    nonce,
    leaf: leafOf(contest, { selections: request.selections, nonce }),
  };
}

/** `castLeaf` is that of the ballot that was cast, which need not be hashed again when it is the one recorded. */
function resultOf(verdict: Verdict, contest: Contest, nowMs: number, castLeaf?: Buffer): CastResult {
  switch (verdict.verdict) {
    case "recorded":
    case "repeated": {
      const isNew = verdict.verdict === "recorded";
      const leaf = isNew && castLeaf !== undefined ? castLeaf : leafOf(contest, verdict.ballot);
      return { ballot: verdict.ballot, leaf, contest, isNew };
    }
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
