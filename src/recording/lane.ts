/**
 * A lane: one stream's writer, with one batch in flight. A batch is whatever arrived while the previous one was; no
 * ballot waits longer than for that one, because no more may wait than one batch takes
 * (docs/decisions/0015-no-more-waits-than-a-batch-takes.md).
 *
 * The life of a cast ballot: waiting → in flight → settled, exactly once. A batch stays in flight, at its place
 * of the stream, until its outcome is known, however long that takes; its voters are told before, at their
 * deadline, that it is unknown. While nothing says otherwise a later batch must not take that place: the abandoned
 * attempt may still be applied.
 */
import type { Clock } from "../runtime/clock.ts";
import { gather } from "./batch.ts";
import type {
  Ballot,
  BallotFinder,
  BallotKey,
  Batch,
  RecordedBallot,
  RecordOutcome,
  StreamHead,
  StreamWriter,
} from "./ledger.ts";
import { ballotKey } from "./ledger.ts";
import { type CastRequest, type Verdict, verdictOnRow } from "./verdict.ts";

export type LaneOptions = {
  /** In a batch; and so many may wait for the next one, past which a further ballot is refused at once. */
  batchBallotsMax: number;
  retryPauseMs: number;
  retryPauseMsMax: number;
  clock: Clock;
  /** Whether the ledger is known to record nothing now: a ballot that comes meanwhile is refused at once. */
  isShut: () => boolean;
  onAttempt: (outcome: RecordOutcome, batch: Batch, durationMs: number) => void;
};

type Cast = {
  ballot: Ballot;
  request: CastRequest;
  deadlineMs: number;
  settle: (verdict: Verdict) => void;
  /** Where the voter's ballot is in the batch in flight. */
  place: number;
};

type NotRecorded = Extract<RecordOutcome, { outcome: "not_recorded" }>;

const SWEEP_MS = 100;

/** The refusal of a full lane. */
export const TOO_MANY =
  "more ballots arrive than can be recorded at the moment: try again, which is always safe";
// What voters are told, whatever the reason: errors name PostgreSQL's hosts and settings, which are nobody's business.
const NOT_NOW = "votes can't be recorded safely at the moment: try again, which is always safe";
const OPEN_OUTCOME =
  "it is not known yet whether this ballot is recorded: send the same one again, which is always safe";

export class Lane {
  private waiting: Cast[] = [];
  private inFlight: Cast[] = [];
  /** The batch in flight, which also has those ballots whose voters were told that its outcome is unknown. */
  private batch: Batch | undefined;
  /** The batch in flight is being submitted. */
  private submitting = false;
  /** Until its ballots are settled, a batch that is recorded; or one of which an attempt has an open outcome. */
  private mayBeRecorded = false;
  private head: StreamHead | undefined;
  private accepting = true;
  /** Settles when the voters of the last batch that was recorded have been told. */
  private telling: Promise<void> = Promise.resolve();
  private wake: () => void = () => undefined;

  constructor(
    private readonly writer: StreamWriter,
    private readonly finder: BallotFinder,
    private readonly options: LaneOptions,
  ) {}

  get waitingBallots(): number {
    return this.waiting.length;
  }

  /** Whether what waits fills the next batch. */
  get isFull(): boolean {
    return this.waiting.length >= this.options.batchBallotsMax;
  }

  /** Whether this lane has a ballot of that voter that is, or may yet be, recorded. */
  mayRecord(key: BallotKey): boolean {
    const isTheirs = ({ voterKey, contestLedgerId }: BallotKey) =>
      voterKey === key.voterKey && contestLedgerId === key.contestLedgerId;
    const casts = [this.inFlight, this.waiting];
    return (
      this.batch?.ballots.some(isTheirs) || casts.some((some) => some.some(({ ballot }) => isTheirs(ballot)))
    );
  }

  /**
   * Settles by `deadlineMs` of the steady clock; never rejects. While the next batch is full, and while the ledger is
   * shut, it settles at once.
   */
  cast(ballot: Ballot, request: CastRequest, deadlineMs: number): Promise<Verdict> {
    const refusal = this.refusal();
    if (refusal !== null) return Promise.resolve(notRecorded(refusal));
    return new Promise((settle) => {
      this.waiting.push({ ballot, request, deadlineMs, settle, place: -1 });
      this.wake();
    });
  }

  /** Records until {@link drain} was called and nothing waits or is in flight any more. */
  async run(): Promise<void> {
    let running = true;
    const sweeping = this.sweep(() => running);
    try {
      while (this.accepting || this.waiting.length > 0) {
        if (this.waiting.length === 0) {
          await new Promise<void>((resolve) => (this.wake = resolve));
          continue;
        }
        this.inFlight = this.waiting;
        this.waiting = [];
        await this.settleBatch();
        this.batch = undefined;
      }
    } finally {
      running = false;
      await Promise.all([sweeping, this.telling]);
    }
  }

  /** Takes no more ballots; run() ends when those it has are settled. */
  drain(): void {
    this.accepting = false;
    this.wake();
  }

  private refusal(): string | null {
    if (!this.accepting) return "this gateway is shutting down: try again, which is always safe";
    if (this.options.isShut()) return NOT_NOW;
    return this.isFull ? TOO_MANY : null;
  }

  /** Submits what is in flight until its outcome is known, or until nobody waits for what can't have been recorded. */
  private async settleBatch(): Promise<void> {
    let pauseMs = this.options.retryPauseMs;
    while (this.mayBeRecorded || this.inFlight.length > 0) {
      const failure = await this.connect();
      // While the outcome is open the very same batch must be submitted. Otherwise those who gave up in the meantime
      // are left out: they were told that they are not recorded.
      if (!this.mayBeRecorded && this.inFlight.length === 0) return;
      const batch = this.mayBeRecorded ? this.batch! : this.gatherBatch();
      const outcome = failure ?? (await this.attempt(batch));
      if (outcome.outcome === "recorded") return this.settleRecorded(batch, outcome.ballots, outcome.head);
      if (outcome.outcome === "sealed") {
        await this.settleSealed(outcome.contestLedgerId);
      } else {
        if (outcome.outcome === "fenced") this.head = undefined;
        await this.options.clock.pause(pauseMs * (0.5 + Math.random() / 2));
        pauseMs = Math.min(pauseMs * 2, this.options.retryPauseMsMax);
      }
    }
  }

  private gatherBatch(): Batch {
    const ballots = this.inFlight.map(({ ballot }) => ballot);
    const { batch, places } = gather(ballots, this.options.clock.now());
    for (let i = 0; i < places.length; i++) this.inFlight[i]!.place = places[i]!;
    this.batch = batch;
    return batch;
  }

  private async attempt(batch: Batch): Promise<RecordOutcome> {
    const { clock, onAttempt } = this.options;
    const startedMs = clock.steadyMs();
    this.submitting = true;
    const outcome = await this.writer.record(this.head!, batch);
    // At once: there must be no moment at which a batch that may be recorded is taken for one that can't be.
    if (outcome.outcome !== "not_recorded") {
      this.mayBeRecorded = outcome.outcome === "recorded" || outcome.outcome === "unknown";
    }
    this.submitting = false;
    onAttempt(outcome, batch, clock.steadyMs() - startedMs);
    return outcome;
  }

  /** Null once there are a connection and a stream to record in. */
  private async connect(): Promise<NotRecorded | null> {
    try {
      await this.writer.connect();
      this.head ??= await this.writer.openStream();
      return null;
    } catch (error) {
      return { outcome: "not_recorded", error: error as Error };
    }
  }

  private settleRecorded(batch: Batch, ballots: readonly RecordedBallot[], head: StreamHead): void {
    const { streamId, nextSeq } = this.head!;
    const verdicts = this.inFlight.map(({ ballot, place, request }): Verdict => {
      const row = ballots[place];
      if (row === undefined) throw new Error(`recorded, but without a row for ${ballotKey(ballot)}`);
      // Followers of the representative are decided against the row, as any later retry is.
      const isNew = row.streamId === streamId && row.seq === nextSeq && batch.ballots[place] === ballot;
      return isNew ? { verdict: "recorded", ballot: row } : verdictOnRow(request, row);
    });
    const recorded = this.inFlight;
    // The next batch goes first: the ledger has work while these voters' answers are written.
    this.telling = this.options.clock.nextTurn().then(() => {
      for (let i = 0; i < recorded.length; i++) recorded[i]!.settle(verdicts[i]!);
    });
    this.inFlight = [];
    this.mayBeRecorded = false;
    this.head = head;
  }

  /** Those of a sealed contest are answered from the ledger: who is recorded gets the receipt all the same. */
  private async settleSealed(contestLedgerId: number): Promise<void> {
    const isSealed = ({ ballot }: Cast) => ballot.contestLedgerId === contestLedgerId;
    const sealed = this.inFlight.filter(isSealed);
    // They stay in flight, so that their deadline holds, until the ledger has answered.
    try {
      const rows = await this.finder.find(sealed.map(({ ballot }) => ballot));
      const found = new Map(rows.map((row) => [ballotKey(row), row]));
      for (const { ballot, request, settle } of sealed) {
        const row = found.get(ballotKey(ballot));
        settle(row === undefined ? { verdict: "contest_not_open" } : verdictOnRow(request, row));
      }
    } catch {
      for (const { settle } of sealed) settle(notRecorded(NOT_NOW));
    }
    this.inFlight = this.inFlight.filter((cast) => !isSealed(cast));
  }

  private async sweep(goesOn: () => boolean): Promise<void> {
    while (goesOn()) {
      await this.options.clock.pause(SWEEP_MS);
      this.settleExpired();
    }
  }

  private settleExpired(): void {
    const nowMs = this.options.clock.steadyMs();
    // A little early, for the next look would be a little late.
    const expired = ({ deadlineMs }: Cast) => deadlineMs <= nowMs + SWEEP_MS;
    const current = (cast: Cast) => !expired(cast);
    for (const { settle } of this.waiting.filter(expired)) settle(notRecorded(NOT_NOW));
    this.waiting = this.waiting.filter(current);
    const open = this.submitting || this.mayBeRecorded;
    for (const { settle } of this.inFlight.filter(expired)) {
      settle(open ? { verdict: "outcome_unknown", reason: OPEN_OUTCOME } : notRecorded(NOT_NOW));
    }
    this.inFlight = this.inFlight.filter(current);
  }
}

function notRecorded(reason: string): Verdict {
  return { verdict: "not_recorded", reason };
}
