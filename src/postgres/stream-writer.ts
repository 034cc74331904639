/** A lane's connection to PostgreSQL: attempts to record a block, and finds out what became of an earlier attempt. */
import { GENESIS_HASH } from "../ledger/block.ts";
import { allPlaces, hasPlace, placesOf } from "../ledger/places.ts";
import { type DurabilityCheck, notDurable, settingFaults } from "../recording/durability.ts";
import {
  type Ballot,
  type Batch,
  ballotKey,
  type RecordedBallot,
  type RecordOutcome,
  type StreamHead,
  type StreamWriter,
} from "../recording/ledger.ts";
import { insertStream, selectBallots, selectPlace, writeWal } from "./ballots.ts";
import { commitDurably, commitOrThrow, commitStatement } from "./durable-commit.ts";
import { sealedContestOf } from "./partitions.ts";
import { UnavailableError } from "./passing.ts";
import {
  isRepeat,
  type RecordBatchOptions,
  type RecordBatchResult,
  recordAmongRepeats,
  recordPlainly,
} from "./record-batch.ts";
import { RepeatWatch } from "./repeat-watch.ts";
import { cutAfter, Session, type SessionOptions } from "./session.ts";

export type StreamWriterOptions = SessionOptions & {
  connectionString: string;
  /** Who writes the stream, for people who look at it. */
  writer: string;
  /** Above lockTimeoutMs, so that waiting for a lock ends before the commit and is known not to be one. */
  attemptTimeoutMs: number;
};

type Block = { hash: Buffer; places: Buffer; overridden: boolean };

/** What voters have in the ledger, by {@link ballotKey}. */
type Rows = ReadonlyMap<string, RecordedBallot>;

const NONE: Rows = new Map();

type Attempt = { head: StreamHead; batch: Batch; options: RecordBatchOptions };

export class PostgresStreamWriter implements StreamWriter {
  private session: Session | undefined;
  private isClosed = false;
  /** The durability settings that were last judged good enough to record under, and what is wrong with them. */
  private settings: { text: string; faults: readonly DurabilityCheck[] } = { text: "", faults: [] };

  private readonly repeats = new RepeatWatch();
  /** Repeats that other writers record between a look-up and its statement. */
  private readonly races = new RepeatWatch();

  constructor(private readonly options: StreamWriterOptions) {}

  async connect(): Promise<void> {
    // Before anything is sent: what is written while no standby confirms holds a server process until one does.
    const faults = this.options.gateFaults?.() ?? [];
    if (faults.length > 0 && !this.options.overrideGate) throw notDurable(faults);
    if (this.session?.usable) return;
    if (!this.isClosed) this.session = await Session.openPrimary(this.options.connectionString, this.options);
    if (!this.isClosed) return;
    this.session?.destroy();
    throw new UnavailableError("the ledger is being left");
  }

  openStream(): Promise<StreamHead> {
    return commitOrThrow(this.session!, this.options.attemptTimeoutMs, (session) =>
      insertStream(session, this.options.writer, GENESIS_HASH),
    );
  }

  async record(head: StreamHead, batch: Batch): Promise<RecordOutcome> {
    const gateFaults = this.options.gateFaults?.() ?? [];
    if (gateFaults.length > 0 && !this.options.overrideGate) return refused(notDurable(gateFaults));
    const overridden = gateFaults.length > 0 || this.settings.faults.length > 0;
    const attempt = { head, batch, options: { expectedSettings: this.settings.text, overridden } };
    if (!this.repeats.areExpected(performance.now())) {
      const outcome = await this.recordOthers(attempt, NONE);
      if (outcome !== "met_a_repeat") return outcome;
      this.repeats.seen(performance.now());
    }
    if (!this.races.areExpected(performance.now())) {
      const outcome = await this.lookUpAndRecordOthers(attempt);
      if (outcome !== "met_a_repeat") return outcome;
      this.races.seen(performance.now());
    }
    const statement = (session: Session) => recordAmongRepeats(session, head, batch, attempt.options);
    const outcome = await this.commit(attempt, NONE, statement);
    return outcome === "met_a_repeat" ? refused(new Error("a repeat where none can be met")) : outcome;
  }

  private async lookUpAndRecordOthers(attempt: Attempt): Promise<RecordOutcome | "met_a_repeat"> {
    let earlier: Rows;
    try {
      earlier = await this.earlierRows(attempt.batch.ballots);
    } catch (error) {
      return refused(error as Error);
    }
    return this.recordOthers(attempt, earlier);
  }

  /** Plainly: all but those who are known to have a ballot. */
  private recordOthers(attempt: Attempt, earlier: Rows): Promise<RecordOutcome | "met_a_repeat"> {
    const { head, batch, options } = attempt;
    const places = placesOfOthers(batch.ballots, earlier);
    return this.commit(attempt, earlier, (session) =>
      recordPlainly(session, head, batch, { ...options, places }),
    );
  }

  private async commit(
    attempt: Attempt,
    earlier: Rows,
    statement: (session: Session) => Promise<RecordBatchResult>,
  ): Promise<RecordOutcome | "met_a_repeat"> {
    const { head, batch, options } = attempt;
    const session = this.session!;
    const result = await commitStatement(session, this.options.attemptTimeoutMs, () => statement(session));
    if (result.outcome === "unknown") return result;
    if (result.outcome === "not_committed") {
      return isRepeat(result.error) ? "met_a_repeat" : this.resolveRefused(session, result.error);
    }
    const { block, settings } = result.value;
    if (block !== null) {
      return this.recorded(head, batch, earlier, { ...block, overridden: options.overridden });
    }
    if (settings === this.settings.text) return this.resolveMoved(head, batch);
    const faults = settingFaults(JSON.parse(settings));
    if (faults.length > 0 && !this.options.overrideGate) return refused(notDurable(faults));
    this.settings = { text: settings, faults };
    return this.record(head, batch);
  }

  /** For good: it does not connect again. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.isClosed = true;
    await this.session?.[Symbol.asyncDispose]();
  }

  /**
   * The block is committed here and on a standby. Ballots that are not in it had rows, whose commits are before this one
   * in the log: they are on the standby too, are never changed, and may be told as they were read, before it or after.
   */
  private async recorded(
    head: StreamHead,
    batch: Batch,
    earlier: Rows,
    block: Block,
  ): Promise<RecordOutcome> {
    const others = batch.ballots.filter(
      (ballot, index) => !hasPlace(block.places, index) && !earlier.has(ballotKey(ballot)),
    );
    try {
      const later = await this.earlierRows(others);
      const ballots = batch.ballots.map((ballot, index) => {
        if (hasPlace(block.places, index)) return newBallot(head, batch, block, index);
        const key = ballotKey(ballot);
        return (earlier.get(key) ?? later.get(key))!;
      });
      const next = { ...head, nextSeq: head.nextSeq + 1, hash: block.hash };
      return { outcome: "recorded", ballots, head: next };
    } catch (error) {
      return { outcome: "unknown", error: error as Error };
    }
  }

  private async earlierRows(ballots: readonly Ballot[]): Promise<Rows> {
    if (ballots.length === 0) return NONE;
    const { attemptTimeoutMs } = this.options;
    const session = this.session!;
    return rowsByKey(await cutAfter(session, attemptTimeoutMs, selectBallots(session, ballots)));
  }

  /** Nothing was written. A seal that no standby has may be lost, and voters are told of it: so this waits too. */
  private async resolveRefused(session: Session, error: Error): Promise<RecordOutcome> {
    const contestLedgerId = sealedContestOf(error);
    if (contestLedgerId === null) return refused(error);
    const seen = await commitDurably(session, this.options.attemptTimeoutMs, writeWal);
    return seen.outcome === "committed" ? { outcome: "sealed", contestLedgerId } : refused(seen.error);
  }

  /** Whether it was this batch's own earlier attempt that moved the stream decides everything; its batch id tells. */
  private async resolveMoved(head: StreamHead, batch: Batch): Promise<RecordOutcome> {
    const result = await commitDurably(this.session!, this.options.attemptTimeoutMs, async (session) => {
      await writeWal(session);
      const place = await selectPlace(session, head.streamId, head.nextSeq);
      if (place?.batch_id !== batch.batchId) return null;
      const rows = rowsByKey(await selectBallots(session, batch.ballots));
      return {
        ballots: batch.ballots.map((ballot) => rows.get(ballotKey(ballot))!),
        head: { ...head, epoch: place.epoch, nextSeq: place.next_seq, hash: place.head_hash },
      };
    });
    // The place is taken for good, one way or the other; only what was read is in doubt, so it is read again.
    if (result.outcome !== "committed") return { outcome: "unknown", error: result.error };
    if (result.value !== null) return { outcome: "recorded", ...result.value };
    return {
      outcome: "fenced",
      error: new Error(`place ${head.nextSeq} of stream ${head.streamId} is another writer's`),
    };
  }
}

function refused(error: Error): RecordOutcome {
  return { outcome: "not_recorded", error };
}

/** Of all but those who have a row. */
function placesOfOthers(ballots: readonly Ballot[], earlier: Rows): Buffer {
  if (earlier.size === 0) return allPlaces(ballots.length);
  const indexes = [...ballots.keys()].filter((index) => !earlier.has(ballotKey(ballots[index]!)));
  return placesOf(indexes, ballots.length);
}

function rowsByKey(rows: readonly RecordedBallot[]): Rows {
  return new Map(rows.map((row) => [ballotKey(row), row]));
}

function newBallot(
  { streamId, nextSeq: seq }: StreamHead,
  { ballots, recordedAtMs }: Batch,
  { overridden }: Block,
  index: number,
): RecordedBallot {
  const { contestLedgerId, voterKey, selections, nonce } = ballots[index]!;
  return { contestLedgerId, voterKey, selections, nonce, streamId, seq, index, recordedAtMs, overridden };
}
