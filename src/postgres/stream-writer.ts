/** A lane's connection to PostgreSQL: attempts to record a block, and finds out what became of an earlier attempt. */
import { countBallot, type Tally } from "../election/tally.ts";
import { type BlockContent, blockHash, GENESIS_HASH } from "../ledger/block.ts";
import { placesOf } from "../ledger/places.ts";
import { type DurabilityCheck, settingFaults } from "../recording/durability.ts";
import { describe } from "../recording/gate-monitor.ts";
import type { Batch, RecordedBallot, RecordOutcome, StreamHead, StreamWriter } from "../recording/ledger.ts";
import {
  advanceAndInsert,
  insertBlock,
  insertStream,
  selectBallots,
  selectPlace,
  writeWal,
} from "./ballots.ts";
import { commitDurably, commitOrThrow } from "./durable-commit.ts";
import { sealedContestOf } from "./partitions.ts";
import { Session, type SessionOptions } from "./session.ts";

export type StreamWriterOptions = SessionOptions & {
  connectionString: string;
  /** Who writes the stream, for people who look at it. */
  writer: string;
  /** Above lockTimeoutMs, so that waiting for a lock ends before the commit and is known not to be one. */
  attemptTimeoutMs: number;
  /** What the durability gate found wrong with the cluster as a whole. */
  gateFaults: () => readonly DurabilityCheck[];
  /** Record although the durability gate refuses; every such block and receipt says so. */
  overrideGate: boolean;
};

/** PostgreSQL's settings would let an acknowledged commit be lost. */
export class NotDurableError extends Error {
  readonly code = "not_durable";
}

/** The stream is not where this writer left it. */
class StreamMovedError extends Error {}

type Recorded = { ballots: RecordedBallot[]; head: StreamHead };

export class PostgresStreamWriter implements StreamWriter {
  private session: Session | undefined;

  constructor(private readonly options: StreamWriterOptions) {}

  async connect(): Promise<void> {
    if (this.session?.usable) return;
    this.session = await Session.openPrimary(this.options.connectionString, this.options);
  }

  openStream(): Promise<StreamHead> {
    return commitOrThrow(this.session!, this.options.attemptTimeoutMs, (session) =>
      insertStream(session, this.options.writer, GENESIS_HASH),
    );
  }

  async record(head: StreamHead, batch: Batch): Promise<RecordOutcome> {
    const faults = this.options.gateFaults();
    if (faults.length > 0 && !this.options.overrideGate)
      return { outcome: "not_recorded", error: notDurable(faults) };
    const result = await commitDurably(this.session!, this.options.attemptTimeoutMs, (session) =>
      this.recordBlock(session, head, batch),
    );
    if (result.outcome === "committed") return { outcome: "recorded", ...result.value };
    if (result.outcome === "unknown") return { outcome: "unknown", error: result.error };
    if (result.error instanceof StreamMovedError) return this.resolveMoved(head, batch);
    const contestLedgerId = sealedContestOf(result.error);
    if (contestLedgerId !== null) return { outcome: "sealed", contestLedgerId };
    return { outcome: "not_recorded", error: result.error };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session?.[Symbol.asyncDispose]();
  }

  private async recordBlock(session: Session, head: StreamHead, batch: Batch): Promise<Recorded> {
    const advanced = await advanceAndInsert(session, head, batch.ballots);
    if (advanced === null) throw new StreamMovedError(`stream ${head.streamId} is past ${head.nextSeq}`);
    // What this very session says, since the monitor's knowledge is a moment old.
    const faults = settingFaults(advanced.settings);
    if (faults.length > 0 && !this.options.overrideGate) throw notDurable(faults);
    const overridden = faults.length > 0 || this.options.gateFaults().length > 0;
    const block = blockOf(head, batch, advanced, overridden);
    const hash = blockHash(block);
    const inserted = insertBlock(session, block, hash);
    const isNew = new Set(advanced.places);
    const others = batch.ballots.filter((_, place) => !isNew.has(place));
    // A second statement, and not part of the first: only its snapshot can see rows committed meanwhile.
    const earlier = others.length === 0 ? [] : selectBallots(session, others);
    await inserted;
    return {
      ballots: [...newBallots(block, batch, advanced.places), ...(await earlier)],
      head: { ...head, nextSeq: head.nextSeq + 1, hash },
    };
  }

  /** Whether it was this batch's own earlier attempt that moved the stream decides everything; its batch id tells. */
  private async resolveMoved(head: StreamHead, batch: Batch): Promise<RecordOutcome> {
    const result = await commitDurably(this.session!, this.options.attemptTimeoutMs, async (session) => {
      await writeWal(session);
      const place = await selectPlace(session, head.streamId, head.nextSeq);
      if (place?.batch_id !== batch.batchId) return null;
      const ballots = await selectBallots(session, batch.ballots);
      return {
        ballots,
        head: { ...head, epoch: place.epoch, nextSeq: place.next_seq, hash: place.head_hash },
      };
    });
    // The place is taken for good, one way or the other; only what was read is in doubt, so it is read again.
    if (result.outcome !== "committed") return { outcome: "unknown", error: result.error };
    if (result.value !== null) return { outcome: "recorded", ...result.value };
    return {
      outcome: "fenced",
      error: new StreamMovedError(`place ${head.nextSeq} of stream ${head.streamId} is another writer's`),
    };
  }
}

function notDurable(faults: readonly DurabilityCheck[]): NotDurableError {
  return new NotDurableError(`a commit might be lost: ${describe(faults)}`);
}

function blockOf(
  head: StreamHead,
  batch: Batch,
  { head_hash, places }: { head_hash: Buffer; places: readonly number[] },
  overridden: boolean,
): BlockContent {
  const tally: Tally = new Map();
  const recorded = places.map((place) => batch.ballots[place]!);
  for (const { contestUuid, selections } of recorded) countBallot(tally, contestUuid, selections);
  return {
    streamId: head.streamId,
    seq: head.nextSeq,
    batchId: batch.batchId,
    recordedAtMs: batch.recordedAtMs,
    overridden,
    tally,
    places: placesOf(places, batch.ballots.length),
    leaves: Buffer.concat(recorded.map(({ leaf }) => leaf)),
    prevHash: head_hash,
  };
}

function newBallots(block: BlockContent, batch: Batch, places: readonly number[]): RecordedBallot[] {
  const { streamId, seq, recordedAtMs, overridden } = block;
  return places.map((index) => {
    const { contestLedgerId, voterKey, selections, nonce } = batch.ballots[index]!;
    return { contestLedgerId, voterKey, selections, nonce, streamId, seq, index, recordedAtMs, overridden };
  });
}
