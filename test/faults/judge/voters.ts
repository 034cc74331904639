/**
 * Voters who cast while things break, as people and their pages do: most repeat the same ballot until they know, some
 * give up, some press twice, some change their mind, some keep no nonce. Many whose ballot was accepted ask until they
 * know what became of it; they hold nobody up. Everything goes through the journal.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { AcceptedReceipt } from "../../../src/election/receipt.ts";
import { eventually } from "../../support/eventually.ts";
import type { Random } from "../random.ts";
import { type Call, type Journal, type Said, type SentBallot, saidBy } from "./journal.ts";

export type Gateway = { name: string; url: string };

/** Where people vote, and what they vote on. */
export type Polls = {
  gateways: readonly Gateway[];
  /** Who verifies receipts. */
  verifier: Gateway;
  contest: { id: string; options: number; mint: (voter: string) => string };
};

export type VotersOptions = Polls & {
  journal: Journal;
  random: Random;
  /** Voters at a time. */
  voters: number;
  /** How long each waits, at most, until the next one comes. */
  pauseMsMax: number;
};

type Answered = "acknowledged" | "accepted" | "already_voted" | "contest_not_open" | "refused" | "unknown";

/** After these nobody sends the same ballot again. */
const SETTLED: readonly Answered[] = ["acknowledged", "accepted", "already_voted", "contest_not_open"];

const ANSWER_TIMEOUT_MS = 5_000;
const RETRY_PAUSE_MS = 60;
/** Voters who know nothing by then are left in doubt, as some always are. */
const SETTLE_TIMEOUT_MS = 10_000;
const FOLLOWED = 0.6;
/** Who ask at a time what became of their accepted ballots; past it nobody else begins to. */
const FOLLOWERS_MAX = 300;
/** So long each asks: those whose ledger is down must not keep everybody else from asking. */
const FOLLOW_MS_MAX = 8_000;
const FOLLOW_PAUSE_MS = 100;
const FOLLOW_PAUSE_MS_MAX = 1_000;

export class Voters {
  private readonly options: VotersOptions;
  private readonly loops: Promise<void>[];
  private readonly followers = new Set<Promise<void>>();
  private arrived = 0;
  private stopping = false;
  private giveUpAtMs = Number.POSITIVE_INFINITY;

  /** Begins at once. */
  constructor(options: VotersOptions) {
    this.options = options;
    this.loops = Array.from({ length: options.voters }, () => this.cast(options.random.fork()));
  }

  /** Resolves when so many more ballots have been acknowledged: there is service. */
  async acknowledge(more: number): Promise<void> {
    const { journal } = this.options;
    const target = journal.acknowledged + more;
    await eventually(`${more} more ballots are acknowledged`, () => journal.acknowledged >= target, 60_000);
  }

  /** Resolves when so many more ballots have been accepted. */
  async accept(more: number): Promise<void> {
    const { journal } = this.options;
    const target = journal.accepted + more;
    await eventually(`${more} more ballots are accepted`, () => journal.accepted >= target, 60_000);
  }

  /** No further voter comes; those who are there finish, or give up in the end. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.giveUpAtMs = performance.now() + SETTLE_TIMEOUT_MS;
    await Promise.all(this.loops);
    await Promise.all(this.followers);
  }

  private async cast(random: Random): Promise<void> {
    while (!this.stopping) {
      await this.vote(`voter-${++this.arrived}`, random);
      await pause(random.whole(0, this.options.pauseMsMax));
    }
  }

  private async vote(voter: string, random: Random): Promise<void> {
    const ballot = this.ballot(voter, random);
    const manner = random.fraction();
    if (manner < 0.1) await this.send(ballot, random);
    else if (manner < 0.25) {
      // Two minds: whichever is recorded, the other one must not be.
      const other = {
        ...this.ballot(voter, random),
        selections: [1 + (ballot.selections[0]! % this.options.contest.options)],
      };
      await this.send(ballot, random);
      await this.untilKnown(other, random);
    } else if (manner < 0.35) {
      const twice = [this.untilKnown(ballot, random), this.untilKnown(ballot, random)];
      await Promise.all(twice);
    } else if (manner < 0.45) await this.untilKnown({ ...ballot, nonce: null }, random);
    else await this.untilKnown(ballot, random);
    if (random.chance(0.15)) await this.send(ballot, random);
    if (random.chance(0.1)) await this.send({ ...ballot, nonce: nonceOf(random) }, random);
  }

  private ballot(voter: string, random: Random): SentBallot {
    return { voter, selections: [random.whole(1, this.options.contest.options)], nonce: nonceOf(random) };
  }

  private async untilKnown(ballot: SentBallot, random: Random): Promise<void> {
    for (;;) {
      const answered = await this.send(ballot, random);
      if (SETTLED.includes(answered)) return;
      if (performance.now() >= this.giveUpAtMs) return;
      // Some look first whether it is there. Who keeps no nonce would not know the ballot again.
      if (ballot.nonce !== null && random.chance(0.2) && (await this.ask(ballot, random)) === "acknowledged")
        return;
      await pause(RETRY_PAUSE_MS * (0.5 + random.fraction()));
    }
  }

  private ask(ballot: SentBallot, random: Random): Promise<Answered> {
    const gateway = random.one(this.options.gateways);
    return this.call("find", gateway, ballot, null).then(answeredBy);
  }

  private async send(ballot: SentBallot, random: Random): Promise<Answered> {
    const gateway = random.one(this.options.gateways);
    const { selections, nonce } = ballot;
    const said = await this.call(
      "cast",
      gateway,
      ballot,
      nonce === null ? { selections } : { selections, nonce },
    );
    if (said !== null && said.accepted !== null && random.chance(FOLLOWED)) {
      this.beginToFollow(ballot.voter, said.accepted);
    }
    return answeredBy(said);
  }

  private beginToFollow(voter: string, receipt: AcceptedReceipt): void {
    if (this.followers.size >= FOLLOWERS_MAX) return;
    const following = this.follow(voter, receipt);
    this.followers.add(following);
    void following.then(() => this.followers.delete(following));
  }

  /** Until it is known what became of it, or the voter waits no longer. */
  private async follow(voter: string, receipt: AcceptedReceipt): Promise<void> {
    const { verifier } = this.options;
    const ballot = { voter, selections: receipt.selections, nonce: receipt.nonce };
    const untilMs = performance.now() + FOLLOW_MS_MAX;
    for (let pauseMs = FOLLOW_PAUSE_MS; performance.now() < Math.min(untilMs, this.giveUpAtMs); ) {
      const fate = (await this.call("verify", verifier, ballot, receipt))?.fate ?? null;
      if (fate !== null && fate !== "accepted") return;
      await pause(pauseMs);
      pauseMs = Math.min(2 * pauseMs, FOLLOW_PAUSE_MS_MAX);
    }
  }

  /** Null where no answer came. */
  private async call(
    call: Call,
    { name, url }: Gateway,
    ballot: SentBallot,
    body: object | null,
  ): Promise<Said | null> {
    const { journal, contest } = this.options;
    const path = {
      cast: `contests/${contest.id}/ballots`,
      find: `contests/${contest.id}/ballot`,
      verify: "receipts/verify",
    };
    const authorization = `Bearer ${contest.mint(ballot.voter)}`;
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    const headers = { authorization, "content-type": "application/json" };
    const id = journal.request(name, ballot, call);
    try {
      const response = await fetch(
        `${url}/v1/${path[call]}`,
        body === null ? { headers, signal } : { method: "POST", headers, body: JSON.stringify(body), signal },
      );
      const said = saidBy(call, response.status, await response.json());
      journal.answer(id, said);
      return said;
    } catch (error) {
      journal.failure(id, (error as Error).message);
      return null;
    }
  }
}

function answeredBy(said: Said | null): Answered {
  if (said === null) return "unknown";
  if (said.receipt !== null) return "acknowledged";
  if (said.accepted !== null) return "accepted";
  if (said.code === "already_voted" || said.code === "contest_not_open") return said.code;
  return said.code === "not_recorded" ? "refused" : "unknown";
}

function nonceOf(random: Random): string {
  return random.bytes(16).toString("base64url");
}
