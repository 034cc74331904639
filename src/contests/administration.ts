/** Running elections: creating them and their contests, opening, closing, minting voter tokens. */
import { randomUUID } from "node:crypto";
import { electionPepper, pepperFingerprint, type Secrets, voterKeyOf } from "../admission/secrets.ts";
import { mintVoterToken } from "../admission/voter-token.ts";
import type { Buffering } from "../election/buffering.ts";
import { type Contest, UNCHANGED } from "../election/contest.ts";
import type { Election } from "../election/election.ts";
import { isUuid } from "../election/public-id.ts";
import type { Clock } from "../runtime/clock.ts";
import { Problem } from "../runtime/problem.ts";
import type { BufferedContests, BufferingRequest } from "./buffered-contests.ts";
import { noSuchContest } from "./find-contest.ts";
import type { ContestStore } from "./store.ts";
import { announceAgain, closeIsKnown, type Transition, type TransitionClock } from "./transitions.ts";

export type ElectionDefinition = {
  id?: string;
  title: string;
  allowedOrigins: string[];
  /** Left out when ballots are to be recorded directly. */
  buffering?: BufferingRequest;
};

export type ContestDefinition = {
  id?: string;
  title: string;
  method: "single-choice";
  options: string[];
  allowBlank: boolean;
  resultsVisible: "live" | "final";
  opensAtMs: number | null;
  closesAtMs: number | null;
};

type MakeTransition = (contest: Contest, clock: TransitionClock) => Transition;

/** A ledger that is slow for longer is left to the sealer. */
const ANNOUNCEMENTS_MAX = 3;

export type AdministrationOptions = {
  /** See TransitionClock; that of a buffered election's contests is longer. */
  noticeMs: number;
  bufferedNoticeMs: number;
  /** How much of the notice a change may need to become known to whoever asks. */
  announcingMs: number;
  clock: Clock;
  /** Null where no election can be buffered. */
  buffered: BufferedContests | null;
};

export class Administration {
  constructor(
    private readonly store: ContestStore,
    private readonly secrets: Secrets,
    private readonly options: AdministrationOptions,
  ) {}

  /** Safe to repeat: with the same id the first one is returned, if it says the same. */
  async createElection(definition: ElectionDefinition): Promise<Election> {
    const { uuid, id } = identity(definition.id);
    const asked = definition.buffering;
    const buffering = asked === undefined ? null : this.buffered().plan(asked);
    const election = await this.store.createElection({
      uuid,
      id,
      title: definition.title,
      allowedOrigins: definition.allowedOrigins,
      pepperFingerprint: pepperFingerprint(electionPepper(this.secrets.pepper, uuid)),
      buffering,
    });
    const isTheSame = saysTheSame(election, definition) && isBufferedAs(election, asked, buffering);
    if (election.id !== id || !isTheSame) {
      throw new Problem("id_taken", `the election ${id} exists, with another title, origins or buffering`);
    }
    return election.buffering === null ? election : this.buffered().addElection(election);
  }

  /** Of the ledgers that a buffered election's ballots are recorded in: partition p's is the one at p mod their count. */
  ledgerNames({ buffering }: Election): string[] {
    return buffering === null ? [] : this.buffered().namesOf(buffering);
  }

  private buffered(): BufferedContests {
    if (this.options.buffered !== null) return this.options.buffered;
    throw new Problem(
      "invalid_request",
      "buffering: the admin role was started without --kafka (URNA_KAFKA)",
    );
  }

  /** Safe to repeat: with the same id the first one is returned, if it asks the same. */
  async createContest(electionId: string, definition: ContestDefinition): Promise<Contest> {
    const election = await this.election(electionId);
    const { uuid, id } = identity(definition.id);
    await this.refuseClosedAlready(id, definition);
    const contest = await this.store.createContest({
      ...definition,
      uuid,
      id,
      electionUuid: election.uuid,
      electionId: election.id,
      options: definition.options.map((title, i) => ({ number: i + 1, title })),
      allowedOrigins: election.allowedOrigins,
      buffering: election.buffering,
      ...UNCHANGED,
    });
    if (contest.id !== id || contest.electionUuid !== election.uuid || !asksTheSame(contest, definition)) {
      throw new Problem("id_taken", `the contest ${id} exists and asks something else`);
    }
    if (contest.buffering !== null) await this.buffered().addContest(contest);
    return contest;
  }

  /** A repeated call may come after the close; it is the first one that must not. */
  private async refuseClosedAlready(id: string, { closesAtMs }: ContestDefinition): Promise<void> {
    if (closesAtMs === null || closesAtMs > this.options.clock.now()) return;
    if ((await this.store.findContests([id])).length > 0) return;
    throw new Problem("invalid_request", "closesAt: it is in the past");
  }

  async election(id: string): Promise<Election> {
    const election = await this.store.findElection(id);
    if (election === null) throw new Problem("no_such_election", `there is no election ${id.slice(0, 64)}`);
    return election;
  }

  /**
   * Opens, closes, pauses, … by one of transitions.ts. A gateway that could not know of a close early enough goes on
   * taking ballots, so a close that was slow to commit is announced again, later: nobody was refused for it meanwhile,
   * for until the seal nobody is. What is not certain in the end is left to the sealer.
   */
  async change(id: string, transition: MakeTransition): Promise<Contest> {
    let result = await this.decide(id, transition);
    for (let i = 0; i < ANNOUNCEMENTS_MAX && result.announcedInMs !== null; i++) {
      const isKnown = result.announcedInMs <= this.options.announcingMs;
      result = await this.decide(id, isKnown ? closeIsKnown(result.contest.closesAtMs) : announceAgain);
    }
    return result.contest;
  }

  /** `announcedInMs` is what it took until the announcement of a close was there for everybody; null without one. */
  private async decide(id: string, transition: MakeTransition) {
    const { clock } = this.options;
    let announcedAtMs: number | null = null;
    const contest = await this.store.changeContest(id, (found) => {
      // The clock is read when the row is locked: a change that had to wait must not be decided by an old one.
      const noticeMs = found.buffering === null ? this.options.noticeMs : this.options.bufferedNoticeMs;
      const decision = transition(found, { nowMs: clock.now(), noticeMs });
      if ("change" in decision && decision.change.closeIsKnown === false) announcedAtMs = clock.steadyMs();
      return decision;
    });
    if (contest === null) throw noSuchContest(id);
    if ("refused" in contest) throw new Problem("contest_state", `contest ${id}: ${contest.refused}`);
    return { contest, announcedInMs: announcedAtMs === null ? null : clock.steadyMs() - announcedAtMs };
  }

  /** One token a voter id, in the same order; the same voter always gets the same voter key. */
  async mintVoterTokens(
    electionId: string,
    voterIds: readonly string[],
    expiresAtMs: number,
  ): Promise<string[]> {
    const election = await this.election(electionId);
    const pepper = electionPepper(this.secrets.pepper, election.uuid);
    if (!pepperFingerprint(pepper).equals(election.pepperFingerprint)) {
      throw new Problem(
        "wrong_pepper",
        `election ${election.id} was made with another pepper: tokens minted with this one would let voters vote twice`,
      );
    }
    const [key] = this.secrets.tokenKeys;
    return voterIds.map((voterId) =>
      mintVoterToken(key, {
        electionUuid: election.uuid,
        voterKey: voterKeyOf(pepper, voterId),
        expiresAtMs,
      }),
    );
  }

  /** The elections that this process's pepper can't mint for. */
  async electionsOfAnotherPepper(): Promise<Election[]> {
    const elections = await this.store.allElections();
    return elections.filter(
      ({ uuid, pepperFingerprint: stored }) =>
        !pepperFingerprint(electionPepper(this.secrets.pepper, uuid)).equals(stored),
    );
  }

  /** Whether there is a contest that people may know of. */
  async hasPublicContests(): Promise<boolean> {
    return (await this.store.newestPublicContests(1)).length > 0;
  }
}

/** A chosen id may itself be a uuid; without one the uuid serves as the id. */
function identity(chosenId: string | undefined): { uuid: string; id: string } {
  if (chosenId === undefined) {
    const uuid = randomUUID();
    return { uuid, id: uuid };
  }
  return { uuid: isUuid(chosenId) ? chosenId : randomUUID(), id: chosenId };
}

function saysTheSame(election: Election, definition: ElectionDefinition): boolean {
  const { title, allowedOrigins } = definition;
  return (
    election.title === title &&
    election.allowedOrigins.length === allowedOrigins.length &&
    election.allowedOrigins.every((origin, i) => origin === allowedOrigins[i])
  );
}

/** What was left out may be anything. */
function isBufferedAs(
  { buffering }: Election,
  asked: BufferingRequest | undefined,
  planned: Buffering | null,
): boolean {
  if (buffering === null || planned === null) return buffering === planned;
  const { partitions, ledgers } = asked!;
  return (
    (partitions === undefined || partitions === buffering.partitions) &&
    (ledgers === undefined || planned.ledgers.join() === buffering.ledgers.join())
  );
}

function asksTheSame(contest: Contest, definition: ContestDefinition): boolean {
  return (
    contest.title === definition.title &&
    contest.method === definition.method &&
    contest.allowBlank === definition.allowBlank &&
    contest.resultsVisible === definition.resultsVisible &&
    contest.options.length === definition.options.length &&
    contest.options.every(({ title }, i) => title === definition.options[i])
  );
}
