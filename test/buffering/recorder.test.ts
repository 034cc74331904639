/** A recorder whose group, log and ledger say what the test wants: which partitions it drains, and how each goes on. */
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import type { DrainHead, DrainLedger } from "../../src/buffering/drain.ts";
import type { AssignedPartition, GroupMember, LogReader, LogRecord } from "../../src/buffering/log.ts";
import { type DrainStatus, Recorder } from "../../src/buffering/recorder.ts";
import { topicOf } from "../../src/election/buffering.ts";
import type { Election } from "../../src/election/election.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const TAKEN_PAUSE_MS = 2_000;
const GATHER_MS = 100;
const UUID = "c0ffee00-0000-4000-8000-000000000000";
const TOPIC = topicOf(UUID);
const ELECTION = {
  uuid: UUID,
  buffering: { partitions: 4, ledgers: [0, 1], topicId: "id" },
} as unknown as Election;

/** Each partition has these many records, none of which is a ballot, and a head that only its ledger moves. */
class Stage {
  readonly clock = new VirtualClock();
  readonly claims: number[] = [];
  readonly drained = new Map<number, number>();
  readonly told: [number, string][] = [];
  /** Of how many records. */
  readonly blocks: number[] = [];
  subscribed: readonly string[] = [];
  topicId = "id";
  /** Why the log can't be read now. */
  failure: Error | null = null;
  /** Partitions whose stream somebody else took. */
  readonly taken = new Set<number>();
  readonly recorder: Recorder;
  private assigned: (partitions: readonly AssignedPartition[]) => void = () => undefined;
  private readonly records = new Map<number, LogRecord[]>();
  private readonly heads = new Map<number, DrainHead>();

  constructor() {
    this.recorder = new Recorder(
      {
        ...{ log: this.log(), member: this.member(), elections: async () => [ELECTION] },
        contests: { get: () => undefined, fresh: async () => null },
        ledgerOf: (number) => (number === 0 ? this.ledger() : undefined),
      },
      {
        ...{
          recordsMax: 10,
          bytesMax: 1_000,
          waitMs: 100,
          gatherMs: GATHER_MS,
          retryPauseMs: 10,
          retryPauseMsMax: 10,
        },
        ...{ clock: this.clock, electionsPollMs: 1_000, takenPauseMs: TAKEN_PAUSE_MS },
        ...{ onBlock: (block) => this.blocks.push(block.quarantined.length), onRetry: () => undefined },
        onElectionsUnknown: () => undefined,
        onStopped: ({ partition }, error) => void this.told.push([partition, error.message]),
      },
    );
    void this.recorder.run(new AbortController().signal);
    this.pass(10);
  }

  assign(...partitions: number[]): void {
    this.assigned(partitions.map((partition) => ({ topic: TOPIC, partition })));
    this.pass(500);
  }

  add(partition: number, records = 1, thenPassMs = 500): void {
    const before = this.records.get(partition) ?? [];
    const added = Array.from({ length: records }, (_, i) => ({
      ...{ offset: before.length + i, key: null, value: Buffer.from("stranger") },
    }));
    this.records.set(partition, [...before, ...added]);
    this.pass(thenPassMs);
  }

  pass(ms: number): void {
    this.clock.settle(this.clock.pause(ms));
  }

  status(): Pick<DrainStatus, "partition" | "nextOffset">[] {
    return this.recorder.partitions.map(({ partition, nextOffset }) => ({ partition, nextOffset }));
  }

  private member(): GroupMember {
    return {
      retrying: null,
      run: async (_, onAssigned) => {
        this.assigned = onAssigned;
        await new Promise(() => undefined);
      },
      subscribe: (topics) => {
        this.subscribed = topics;
      },
      drained: ({ partition }, nextOffset) => void this.drained.set(partition, nextOffset),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  private log(): LogReader {
    return {
      topic: async () => {
        if (this.failure !== null) throw this.failure;
        return { id: this.topicId, partitions: 4 };
      },
      bounds: async (_, partition) => ({ earliest: 0, next: this.records.get(partition)?.length ?? 0 }),
      read: async (_, partition, fromOffset, { waitMs }) => {
        if (this.failure !== null) throw this.failure;
        const records = (this.records.get(partition) ?? []).slice(fromOffset);
        if (records.length === 0) await this.clock.pause(waitMs);
        return records;
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  private ledger(): DrainLedger {
    const begin = (partition: number): DrainHead => ({
      ...{ streamId: partition, epoch: 0, nextSeq: 0, hash: Buffer.alloc(32), nextOffset: 0 },
      ...{ lastRecord: null, passed: new Set() },
    });
    return {
      claim: async ({ partition }) => {
        this.claims.push(partition);
        const head = this.heads.get(partition) ?? begin(partition);
        const claimed = { ...head, epoch: head.epoch + 1 };
        this.heads.set(partition, claimed);
        return claimed;
      },
      places: async () => new Map(),
      record: async (head, { nextOffset }) => {
        if (this.taken.has(head.streamId)) return { outcome: "fenced", error: new Error("taken") };
        const lastRecord = createHash("sha256").update("stranger").digest();
        const next = { ...head, nextSeq: head.nextSeq + 1, nextOffset, lastRecord };
        this.heads.set(head.streamId, next);
        return { outcome: "recorded", head: next };
      },
    };
  }
}

test("where records trickle a block gathers them for a moment; one that is half full is followed at once", () => {
  const stage = new Stage();
  stage.assign(0);
  for (let i = 0; i < 40; i++) stage.add(0, 1, 25);
  stage.pass(GATHER_MS);
  const { length } = stage.blocks;
  expect(length).toBeLessThanOrEqual(12);
  expect(stage.blocks.reduce((sum, records) => sum + records)).toBe(40);
  const startedMs = stage.clock.now();
  stage.add(0, 25, 1);
  stage.pass(GATHER_MS);
  expect(stage.blocks.slice(length)).toEqual([10, 10, 5]);
  expect(stage.clock.now() - startedMs).toBe(GATHER_MS + 1);
});

test("it has part in the topics of elections to drain, and drains what it is given from where the ledger is", () => {
  const stage = new Stage();
  expect(stage.subscribed).toEqual([TOPIC]);
  stage.add(0);
  stage.add(0);
  stage.assign(0, 2);
  expect(stage.status()).toEqual([
    { partition: 0, nextOffset: 2 },
    { partition: 2, nextOffset: 0 },
  ]);
  expect(Object.fromEntries(stage.drained)).toEqual({ 0: 2, 2: 0 });
});

test("another assignment ends what is gone, begins what is new, and does not touch what stays", () => {
  const stage = new Stage();
  stage.assign(0);
  stage.assign(0, 2);
  expect(stage.claims).toEqual([0, 2]);
  stage.assign(2);
  stage.add(0);
  stage.add(2);
  expect(stage.status()).toEqual([{ partition: 2, nextOffset: 1 }]);
  expect(Object.fromEntries(stage.drained)).toEqual({ 0: 0, 2: 1 });
  stage.assign(2, 0);
  expect(stage.claims).toEqual([0, 2, 0]);
  expect(Object.fromEntries(stage.drained)).toEqual({ 0: 1, 2: 1 });
});

test("a partition whose log is another one stops until it is mended, and the others go on", () => {
  const stage = new Stage();
  stage.assign(2);
  stage.topicId = "made anew";
  stage.assign(0, 2);
  expect(stage.told.map(([partition]) => partition)).toEqual([0]);
  const stopped = () => stage.recorder.partitions.filter(({ stopped }) => stopped !== null);
  expect(stopped().map(({ partition, stopped }) => [partition, (stopped as { code?: string }).code])).toEqual(
    [[0, "log_mismatch"]],
  );
  stage.add(2);
  expect(stage.drained.get(2)).toBe(1);
  // Looked at again, and still shown as stopped.
  stage.pass(TAKEN_PAUSE_MS);
  expect(stage.told).toHaveLength(2);
  expect(stopped()).toHaveLength(1);
  stage.topicId = "id";
  stage.pass(TAKEN_PAUSE_MS);
  expect(stopped()).toEqual([]);
  stage.add(0);
  expect(stage.drained.get(0)).toBe(1);
});

test("a partition that somebody else took is claimed again while it is given to this recorder, and is no alarm", () => {
  const stage = new Stage();
  stage.assign(0);
  stage.taken.add(0);
  stage.add(0);
  expect(stage.told).toEqual([[0, "taken"]]);
  expect(stage.recorder.partitions[0]!.stopped).toBeNull();
  expect(stage.claims).toEqual([0]);
  stage.taken.clear();
  stage.pass(TAKEN_PAUSE_MS);
  expect(stage.claims).toEqual([0, 0]);
  expect(stage.drained.get(0)).toBe(1);
});

test("a ledger that is not configured stops its own partitions alone", () => {
  const stage = new Stage();
  stage.assign(0, 1);
  expect(stage.told).toEqual([[1, "ledger 1 is needed, and not configured here"]]);
  stage.add(0);
  expect(stage.drained.get(0)).toBe(1);
});

test("a partition whose log can't be asked is not taken from whoever may be draining it", () => {
  const stage = new Stage();
  stage.failure = new Error("no broker answers");
  stage.assign(0);
  stage.pass(5_000);
  expect(stage.claims).toEqual([]);
  stage.failure = null;
  stage.pass(500);
  expect(stage.claims).toEqual([0]);
});

test("since when a partition can't be drained, and why, is known until it can be", () => {
  const stage = new Stage();
  stage.assign(0);
  expect(stage.recorder.partitions[0]!.retrying).toBeNull();
  const failedAtMs = stage.clock.steadyMs();
  stage.failure = new Error("nobody leads it");
  stage.pass(5_000);
  stage.failure = new Error("nobody leads it still");
  stage.pass(5_000);
  const { sinceMs, error } = stage.recorder.partitions[0]!.retrying!;
  expect(sinceMs - failedAtMs).toBeLessThan(500);
  expect(error.message).toBe("nobody leads it still");
  stage.failure = null;
  stage.pass(500);
  expect(stage.recorder.partitions[0]!.retrying).toBeNull();
});
