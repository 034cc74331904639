/** A lane's connection to PostgreSQL: attempts to record a block, and finds out what became of an earlier attempt. */
import { GENESIS_HASH } from "../ledger/block.ts";
import { hasPlace } from "../ledger/places.ts";
import { type DurabilityCheck, notDurable, settingFaults } from "../recording/durability.ts";
import {
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
import { isRepeat, recordAmongRepeats, recordPlainly } from "./record-batch.ts";
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

export class PostgresStreamWriter implements StreamWriter {
  private session: Session | undefined;
  private isClosed = false;
  /** The durability settings that were last judged good enough to record under, and what is wrong with them. */
  private settings: { text: string; faults: readonly DurabilityCheck[] } = { text: "", faults: [] };

  private readonly repeats = new RepeatWatch();

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
    const session = this.session!;
    const overridden = gateFaults.length > 0 || this.settings.faults.length > 0;
    const amongRepeats = this.repeats.areExpected(performance.now());
    const expected = { expectedSettings: this.settings.text, overridden };
    const statement = amongRepeats ? recordAmongRepeats : recordPlainly;
    const result = await commitStatement(session, this.options.attemptTimeoutMs, () =>
      statement(session, head, batch, expected),
    );
    if (result.outcome === "unknown") return result;
    if (result.outcome === "not_committed") {
      if (amongRepeats || !isRepeat(result.error)) return this.resolveRefused(session, result.error);
      this.repeats.seen(performance.now());
      // Among repeats now, so that it is not tried in vain again.
      return this.record(head, batch);
    }
    const { block, settings } = result.value;
    if (block !== null) return this.recorded(session, head, batch, { ...block, overridden });
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
   * The batch is committed here and on a standby. Ballots that it did not insert had rows, whose commits are before
   * this one in the log: they are on the standby too, are never changed, and may be read without waiting again.
   */
  private async recorded(
    session: Session,
    head: StreamHead,
    batch: Batch,
    block: Block,
  ): Promise<RecordOutcome> {
    const others = batch.ballots.filter((_, index) => !hasPlace(block.places, index));
    try {
      const reading = others.length === 0 ? Promise.resolve([]) : selectBallots(session, others);
      const earlier = rowsByKey(await cutAfter(session, this.options.attemptTimeoutMs, reading));
      const ballots = batch.ballots.map((ballot, index) =>
        hasPlace(block.places, index)
          ? newBallot(head, batch, block, index)
          : earlier.get(ballotKey(ballot))!,
      );
      const next = { ...head, nextSeq: head.nextSeq + 1, hash: block.hash };
      return { outcome: "recorded", ballots, head: next };
    } catch (error) {
      return { outcome: "unknown", error: error as Error };
    }
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

function rowsByKey(rows: readonly RecordedBallot[]): Map<string, RecordedBallot> {
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
