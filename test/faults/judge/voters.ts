/**
 * Voters who cast while things break, as people and their pages do: most repeat the same ballot until they know, some
 * give up, some press twice, some change their mind, some keep no nonce. Everything goes through the journal.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Receipt } from "../../../src/election/receipt.ts";
import { eventually } from "../../support/eventually.ts";
import type { Random } from "../random.ts";
import type { Journal, SentBallot } from "./journal.ts";

export type Gateway = { name: string; url: string };

/** Where people vote, and what they vote on. */
export type Polls = {
  gateways: readonly Gateway[];
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

type Answered = "acknowledged" | "already_voted" | "refused" | "unknown";

const ANSWER_TIMEOUT_MS = 5_000;
const RETRY_PAUSE_MS = 60;
/** Voters who know nothing by then are left in doubt, as some always are. */
const SETTLE_TIMEOUT_MS = 10_000;

export class Voters {
  private readonly options: VotersOptions;
  private readonly loops: Promise<void>[];
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

  /** No further voter comes; those who are there finish, or give up in the end. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.giveUpAtMs = performance.now() + SETTLE_TIMEOUT_MS;
    await Promise.all(this.loops);
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
      if (answered === "acknowledged" || answered === "already_voted") return;
      if (performance.now() >= this.giveUpAtMs) return;
      // Some look first whether it is there. Who keeps no nonce would not know the ballot again.
      if (ballot.nonce !== null && random.chance(0.2) && (await this.ask(ballot, random)) === "acknowledged")
        return;
      await pause(RETRY_PAUSE_MS * (0.5 + random.fraction()));
    }
  }

  private ask(ballot: SentBallot, random: Random): Promise<Answered> {
    const gateway = random.one(this.options.gateways);
    const id = this.options.journal.request(gateway.name, ballot, true);
    return this.call(id, `${gateway.url}/v1/contests/${this.options.contest.id}/ballot`, ballot.voter, null);
  }

  private send(ballot: SentBallot, random: Random): Promise<Answered> {
    const gateway = random.one(this.options.gateways);
    const { voter, selections, nonce } = ballot;
    const id = this.options.journal.request(gateway.name, ballot);
    const body = JSON.stringify(nonce === null ? { selections } : { selections, nonce });
    return this.call(id, `${gateway.url}/v1/contests/${this.options.contest.id}/ballots`, voter, body);
  }

  /** With a body it casts, without one it asks. */
  private async call(id: number, url: string, voter: string, body: string | null): Promise<Answered> {
    const { journal, contest } = this.options;
    const authorization = `Bearer ${contest.mint(voter)}`;
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    try {
      const headers = { authorization, "content-type": "application/json" };
      const response = await fetch(
        url,
        body === null ? { headers, signal } : { method: "POST", headers, body, signal },
      );
      const { code = null, receipt = null } = (await response.json()) as { code?: string; receipt?: Receipt };
      journal.answer(id, response.status, code, receipt);
      if (receipt !== null) return "acknowledged";
      if (code === "already_voted") return code;
      return code === "not_recorded" ? "refused" : "unknown";
    } catch (error) {
      journal.failure(id, (error as Error).message);
      return "unknown";
    }
  }
}

function nonceOf(random: Random): string {
  return random.bytes(16).toString("base64url");
}
