/** Runs a replay: mints tokens a chunk ahead, casts on many connections, counts the answers, follows what was accepted. */
import { randomBytes } from "node:crypto";
import type { Administration } from "../client/administration.ts";
import { BallotCaster, type CastAnswer } from "../client/cast.ts";
import type { Patience } from "../client/patience.ts";
import type { MalformedRecord, VoteRecord } from "./cast-vote-records.ts";
import type { BallotReader, RecordedChoice } from "./replay-ballots.ts";
import { type AcceptedBallot, followAccepted } from "./replay-fates.ts";
import type { Journal } from "./replay-journal.ts";

const CHUNK_BALLOTS = 5_000;
const NONCE_BYTES = 16;

export type ReplayPlan = {
  url: string;
  urna: Administration;
  election: string;
  contest: string;
  /** Whether the contest's ballots are accepted first. */
  buffered: boolean;
  records: AsyncIterable<(VoteRecord | MalformedRecord)[]>;
  ballots: BallotReader;
  connections: number;
  patience: Patience;
  /** Aborted by Ctrl-C: no further ballot is begun. */
  stop: AbortSignal;
  journal: Journal | null;
  /** A row that is not as it should be, in words. */
  report: (row: number, words: string) => void;
  progress: (ballotsAnswered: number) => void;
  /** Told again and again while accepted ballots are followed. */
  following: (told: number, accepted: number) => void;
};

export type ReplayCounts = {
  recordedNow: number;
  recordedBefore: number;
  acceptedNow: number;
  alreadyVoted: number;
  /** By code, `already_voted` not among them. */
  refused: Record<string, number>;
  /** Refusals that the record itself does not explain. */
  unexpectedlyRefused: number;
  malformed: number;
  /** Ballots with no final answer when the replay ended. */
  unresolved: number;
  /** Ballots whose answer is not the journal's. */
  differing: number;
  /** Of the ballots accepted: what has become of them in the end. */
  recorded: number;
  duplicate: number;
  rejected: number;
  /** Of those: rejected though the record is in order. */
  unexpectedlyRejected: number;
  unknownReceipts: number;
  /** It was not known when the replay ended. */
  unsettled: number;
};

type ReadyBallot = RecordedChoice & { token: string; nonce?: string };

function noCounts(): ReplayCounts {
  return {
    ...{ recordedNow: 0, recordedBefore: 0, acceptedNow: 0, alreadyVoted: 0, refused: {} },
    ...{ unexpectedlyRefused: 0, malformed: 0, unresolved: 0, differing: 0 },
    ...{ recorded: 0, duplicate: 0, rejected: 0, unexpectedlyRejected: 0, unknownReceipts: 0, unsettled: 0 },
  };
}

/**
 * Ends when every ballot has its answer and what was accepted its fate, when the patience is exhausted, or when it is
 * stopped: `unresolved` and `unsettled` tell.
 */
export async function runReplay(plan: ReplayPlan): Promise<ReplayCounts> {
  const counts = noCounts();
  const accepted: AcceptedBallot[] = [];
  const supply = new Supply(readyBallots(plan, counts));
  let answered = 0;
  const castUntilDone = async () => {
    const caster = new BallotCaster(plan.url, plan.patience);
    try {
      while (counts.unresolved === 0 && !plan.stop.aborted) {
        const ballot = await supply.take();
        if (ballot === null) break;
        const answer = await caster.cast({ contest: plan.contest, ...ballot });
        countAnswer(plan, counts, ballot, answer);
        if (answer.kind === "accepted") accepted.push({ ...ballot, receipt: answer.receipt });
        plan.progress(++answered);
      }
    } finally {
      caster.close();
    }
  };
  // A failure is thrown only when no connection is casting any more.
  const ends = await Promise.allSettled(Array.from({ length: plan.connections }, castUntilDone));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  await followAccepted(plan, counts, accepted);
  return counts;
}

function countAnswer(plan: ReplayPlan, counts: ReplayCounts, ballot: ReadyBallot, answer: CastAnswer): void {
  switch (answer.kind) {
    case "recorded":
      if (answer.status === 201) counts.recordedNow++;
      else counts.recordedBefore++;
      break;
    case "accepted":
      counts.acceptedNow++;
      break;
    case "refused":
      if (answer.code === "already_voted") counts.alreadyVoted++;
      else counts.refused[answer.code] = (counts.refused[answer.code] ?? 0) + 1;
      if (!(ballot.overvote && answer.code === "invalid_ballot")) {
        counts.unexpectedlyRefused++;
        plan.report(ballot.row, `refused with ${answer.status} ${answer.code}: ${answer.detail}`);
      }
      break;
    case "unresolved":
      counts.unresolved++;
      break;
  }
  const difference = plan.journal?.keep(ballot.row, ballot.voter, answer) ?? null;
  if (difference === null) return;
  counts.differing++;
  plan.report(ballot.row, difference);
}

/** Chunks of ballots with their voters' tokens. */
async function* readyBallots(plan: ReplayPlan, counts: ReplayCounts): AsyncGenerator<ReadyBallot[]> {
  let chunk: RecordedChoice[] = [];
  for await (const records of plan.records) {
    for (const record of records) {
      const read = "fault" in record ? record : plan.ballots.read(record);
      if ("fault" in read) {
        counts.malformed++;
        plan.report(read.row, read.fault);
      } else chunk.push(read);
    }
    while (chunk.length >= CHUNK_BALLOTS) {
      yield mint(plan, chunk.slice(0, CHUNK_BALLOTS));
      chunk = chunk.slice(CHUNK_BALLOTS);
    }
  }
  if (chunk.length > 0) yield mint(plan, chunk);
}

async function mint(plan: ReplayPlan, chunk: RecordedChoice[]): Promise<ReadyBallot[]> {
  const voters = chunk.map(({ voter }) => voter);
  const tokens = await plan.urna.mintVoterTokens(plan.election, voters);
  return chunk.map((ballot, i) => ({ ...ballot, token: tokens[i]!, ...nonceOf(plan, ballot) }));
}

/**
 * What is accepted twice must be the same ballot twice, or the second one were another ballot of its voter: so the nonce
 * is this client's, and the journal's where that has one. A ballot that is recorded at once is the same when its
 * selections are, and without a nonce it is found also by who has no journal.
 */
function nonceOf(plan: ReplayPlan, { voter }: RecordedChoice): { nonce?: string } {
  if (!plan.buffered) return {};
  return { nonce: plan.journal?.nonceOf(voter) ?? randomBytes(NONCE_BYTES).toString("base64url") };
}

/** Hands ballots to many takers while the next chunk is being made: at most two chunks are held. */
class Supply {
  private chunk: ReadyBallot[] = [];
  private taken = 0;
  private ended = false;
  private next: Promise<IteratorResult<ReadyBallot[]>>;
  private refill: Promise<void> | null = null;

  constructor(private readonly chunks: AsyncGenerator<ReadyBallot[]>) {
    this.next = this.begin();
  }

  /** Null when there are no more. Throws when the next chunk could not be made. */
  async take(): Promise<ReadyBallot | null> {
    while (this.taken === this.chunk.length) {
      if (this.ended) return null;
      this.refill ??= this.takeNextChunk();
      await this.refill;
    }
    return this.chunk[this.taken++]!;
  }

  private async takeNextChunk(): Promise<void> {
    const next = await this.next;
    this.refill = null;
    if (next.done) {
      this.ended = true;
      return;
    }
    this.chunk = next.value;
    this.taken = 0;
    this.next = this.begin();
  }

  private begin(): Promise<IteratorResult<ReadyBallot[]>> {
    const next = this.chunks.next();
    // Whoever takes next learns of a failure; when nobody does, because of a stop, it is of no interest.
    next.catch(() => {});
    return next;
  }
}
