/**
 * An append lane: ballots that arrive while the last batch is being appended make up the next one.
 *
 * A batch is appended once. What became of each of its ballots is told as the log told it; a ballot whose outcome is
 * unknown is not sent again here, for its voter may: the ledger keeps the first of however many copies.
 */
import type { Ballot } from "../recording/ledger.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Appender, AppendOutcome, Topic } from "./log.ts";
import { encodeRecord } from "./record.ts";

export type AcceptedPlace = { partition: number; offset: number; acceptedAtMs: number };

export type AppendVerdict =
  | { verdict: "accepted"; place: AcceptedPlace }
  | { verdict: "not_recorded"; reason: string }
  | { verdict: "outcome_unknown"; reason: string };

/** A ballot on its way into the log. Instants are of the steady clock but `acceptedAtMs`. */
export type AppendRequest = {
  ballot: Ballot;
  topic: Topic;
  partition: number;
  acceptedAtMs: number;
  deadlineMs: number;
};

export type AppendLaneOptions = {
  /** In a batch; and so many may wait for the next one, past which a further ballot is refused at once. */
  batchBallotsMax: number;
  /** What an append may take, after which its outcome is unknown. */
  appendTimeoutMs: number;
  clock: Clock;
  onBatch: (outcomes: readonly AppendOutcome[], durationMs: number) => void;
};

type Cast = AppendRequest & { settle: (verdict: AppendVerdict) => void };

const SWEEP_MS = 100;
const TOO_MANY = "more ballots arrive than can be accepted at the moment: try again, which is always safe";
const NOT_NOW = "votes can't be accepted safely at the moment: try again, which is always safe";
const OPEN_OUTCOME =
  "it is not known yet whether this ballot is accepted: send the same one again, which is always safe";

export class AppendLane {
  private waiting: Cast[] = [];
  private inFlight: Cast[] = [];
  private accepting = true;
  private wake: () => void = () => undefined;

  constructor(
    private readonly appender: Appender,
    private readonly options: AppendLaneOptions,
  ) {}

  get waitingBallots(): number {
    return this.waiting.length;
  }

  get isFull(): boolean {
    return this.waiting.length >= this.options.batchBallotsMax;
  }

  /** Settles by the request's deadline; never rejects. While the next batch is full it settles at once. */
  append(request: AppendRequest): Promise<AppendVerdict> {
    const refusal = this.refusal();
    if (refusal !== null) return Promise.resolve({ verdict: "not_recorded", reason: refusal });
    return new Promise((settle) => {
      this.waiting.push({ ...request, settle });
      this.wake();
    });
  }

  /** Appends until {@link drain} was called and nothing waits or is in flight any more. */
  async run(): Promise<void> {
    let running = true;
    const sweeping = this.sweep(() => running);
    try {
      while (this.accepting || this.waiting.length > 0) {
        if (this.waiting.length === 0) {
          await new Promise<void>((resolve) => (this.wake = resolve));
          continue;
        }
        await this.appendBatch();
      }
    } finally {
      running = false;
      await sweeping;
    }
  }

  /** Takes no more ballots; run() ends when those it has are settled. */
  drain(): void {
    this.accepting = false;
    this.wake();
  }

  private refusal(): string | null {
    if (!this.accepting) return "this gateway is shutting down: try again, which is always safe";
    return this.isFull ? TOO_MANY : null;
  }

  /** Those of one topic: mostly there is one election at a time. */
  private async appendBatch(): Promise<void> {
    const { topic } = this.waiting[0]!;
    const batch = this.waiting.filter((cast) => cast.topic.id === topic.id);
    this.waiting = this.waiting.filter((cast) => cast.topic.id !== topic.id);
    this.inFlight = batch;
    const { clock, appendTimeoutMs, onBatch } = this.options;
    const startedMs = clock.steadyMs();
    const outcomes = await this.appender.append(topic, batch.map(appendingOf), appendTimeoutMs);
    onBatch(outcomes, clock.steadyMs() - startedMs);
    for (let i = 0; i < batch.length; i++) batch[i]!.settle(verdictOf(batch[i]!, outcomes[i]!));
    this.inFlight = [];
  }

  private async sweep(goesOn: () => boolean): Promise<void> {
    while (goesOn()) {
      await this.options.clock.pause(SWEEP_MS);
      // A little early, for the next look would be a little late.
      const dueMs = this.options.clock.steadyMs() + SWEEP_MS;
      const isExpired = ({ deadlineMs }: Cast) => deadlineMs <= dueMs;
      for (const { settle } of this.waiting.filter(isExpired))
        settle({ verdict: "not_recorded", reason: NOT_NOW });
      this.waiting = this.waiting.filter((cast) => !isExpired(cast));
      // Settling a second time, when the outcome is known, does nothing.
      for (const { settle } of this.inFlight.filter(isExpired)) {
        settle({ verdict: "outcome_unknown", reason: OPEN_OUTCOME });
      }
    }
  }
}

function appendingOf({ ballot, partition, acceptedAtMs }: Cast) {
  const { contestUuid, voterKey, nonce, selections } = ballot;
  const value = encodeRecord({ kind: "ballot", contestUuid, voterKey, nonce, selections, acceptedAtMs });
  return { partition, value };
}

function verdictOf({ partition, acceptedAtMs }: Cast, outcome: AppendOutcome): AppendVerdict {
  switch (outcome.outcome) {
    case "appended":
      return { verdict: "accepted", place: { partition, offset: outcome.offset, acceptedAtMs } };
    case "not_appended":
      return { verdict: "not_recorded", reason: NOT_NOW };
    case "unknown":
      return { verdict: "outcome_unknown", reason: OPEN_OUTCOME };
  }
}
