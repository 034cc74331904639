/** A ledger's side of draining, on PostgreSQL. */
import type { DrainedBlock, DrainHead, DrainLedger, DrainOutcome, PartitionKey } from "../buffering/drain.ts";
import { blockHash } from "../ledger/block.ts";
import type { Place } from "../ledger/exceptions.ts";
import { type DurabilityCheck, notDurable, settingFaults } from "../recording/durability.ts";
import type { BallotKey } from "../recording/ledger.ts";
import { selectPlace, writeWal } from "./ballots.ts";
import { appendDrained, claimStream, selectBallotPlaces } from "./drain-statements.ts";
import { commitDurably, commitOrThrow, commitStatement } from "./durable-commit.ts";
import { cutAfter, type Session } from "./session.ts";
import type { SessionPool } from "./session-pool.ts";

export type DrainLedgerOptions = {
  /** Who holds the streams, for people who look at them. */
  writer: string;
  timeoutMs: number;
  /** What the durability gate finds wrong now. */
  gateFaults: () => readonly DurabilityCheck[];
  overrideGate: boolean;
};

export class PostgresDrainLedger implements DrainLedger {
  /** The durability settings that were last judged good enough to record under, and what is wrong with them. */
  private settings: { text: string; faults: readonly DurabilityCheck[] } = { text: "", faults: [] };

  constructor(
    private readonly pool: SessionPool,
    private readonly options: DrainLedgerOptions,
  ) {}

  async claim(key: PartitionKey): Promise<DrainHead> {
    const { timeoutMs, writer } = this.options;
    const head = await this.pool.use((session) =>
      commitOrThrow(session, timeoutMs, async () => {
        await writeWal(session);
        return claimStream(session, key, writer);
      }),
    );
    if (head !== null) return head;
    throw new Error(
      `partition ${key.partition} of election ${key.electionUuid} has no stream in this ledger`,
    );
  }

  /** As this session sees them, on a standby or not: a block that was made of more than lasts misses its place. */
  places(keys: readonly BallotKey[]): Promise<Map<string, Place>> {
    return this.pool.use((session) =>
      cutAfter(session, this.options.timeoutMs, selectBallotPlaces(session, keys)),
    );
  }

  async record(head: DrainHead, block: DrainedBlock): Promise<DrainOutcome> {
    try {
      return await this.pool.use((session) => this.attempt(session, head, block));
    } catch (error) {
      // No session could be had; once there is one, an attempt never throws.
      return { outcome: "not_recorded", error: error as Error };
    }
  }

  private async attempt(session: Session, head: DrainHead, block: DrainedBlock): Promise<DrainOutcome> {
    const gateFaults = this.options.gateFaults();
    if (gateFaults.length > 0 && !this.options.overrideGate) return refused(gateFaults);
    const { text, faults } = this.settings;
    const overridden = gateFaults.length > 0 || faults.length > 0;
    const hash = hashOf(head, block, overridden);
    const result = await commitStatement(session, this.options.timeoutMs, () =>
      appendDrained(session, head, block, { hash, overridden, expectedSettings: text }),
    );
    if (result.outcome === "unknown") return result;
    if (result.outcome === "not_committed") return { outcome: "not_recorded", error: result.error };
    const { isAppended, settings } = result.value;
    if (isAppended) return { outcome: "recorded", head: headAfter(head, block, hash) };
    if (settings === text) return this.resolveMoved(session, head, block);
    const found = settingFaults(JSON.parse(settings));
    if (found.length > 0 && !this.options.overrideGate) return refused(found);
    this.settings = { text: settings, faults: found };
    return this.attempt(session, head, block);
  }

  /** Whether it was this block's own earlier attempt that moved the stream; its batch id tells. */
  private async resolveMoved(session: Session, head: DrainHead, block: DrainedBlock): Promise<DrainOutcome> {
    const result = await commitDurably(session, this.options.timeoutMs, async () => {
      await writeWal(session);
      return selectPlace(session, head.streamId, head.nextSeq);
    });
    if (result.outcome !== "committed") return { outcome: "unknown", error: result.error };
    const place = result.value;
    const isOurs = place?.batch_id === block.batchId && place.epoch === head.epoch;
    if (isOurs && place.next_seq === head.nextSeq + 1) {
      return { outcome: "recorded", head: headAfter(head, block, place.head_hash) };
    }
    const error = new Error(
      `stream ${head.streamId} is not at ${head.nextSeq} of epoch ${head.epoch} any more`,
    );
    return { outcome: "fenced", error };
  }
}

function hashOf(head: DrainHead, block: DrainedBlock, overridden: boolean): Buffer {
  const { nextOffset, exceptions } = block;
  return blockHash({
    ...block,
    ...{ streamId: head.streamId, seq: head.nextSeq, prevHash: head.hash, overridden },
    source: { firstOffset: head.nextOffset, nextOffset, exceptions },
  });
}

function headAfter(head: DrainHead, block: DrainedBlock, hash: Buffer): DrainHead {
  const { nextOffset, lastRecord, barriers } = block;
  const passed = new Set([...head.passed, ...barriers.map(({ contestLedgerId }) => contestLedgerId)]);
  return { ...head, nextSeq: head.nextSeq + 1, hash, nextOffset, lastRecord, passed };
}

function refused(faults: readonly DurabilityCheck[]): DrainOutcome {
  return { outcome: "not_recorded", error: notDurable(faults) };
}
