/** The recorder: drains the partitions that its group gave it, each into the ledger that it belongs to. */
import { ledgerOfPartition, topicOf } from "../election/buffering.ts";
import type { Election } from "../election/election.ts";
import type { Clock } from "../runtime/clock.ts";
import type { ContestLookUp } from "./block-maker.ts";
import type { DrainedBlock, DrainLedger } from "./drain.ts";
import type { AssignedPartition, GroupMember, LogReader, Retrying } from "./log.ts";
import { PartitionDrain, type PartitionDrainOptions, StreamTakenError } from "./partition-drain.ts";

/**
 * One partition, and what is wrong with its log where its drain has stopped for people to look; or since when, by the
 * steady clock, nothing has worked that was tried, and what was the matter last.
 */
export type DrainStatus = {
  topic: string;
  partition: number;
  nextOffset: number | null;
  stopped: Error | null;
  retrying: Retrying | null;
};

export type RecorderOptions = Pick<
  PartitionDrainOptions,
  "recordsMax" | "bytesMax" | "waitMs" | "gatherMs" | "retryPauseMs" | "retryPauseMsMax"
> & {
  clock: Clock;
  /** How often it is asked which elections there are. */
  electionsPollMs: number;
  /** A partition whose stream another recorder took is tried again after so long, while the group says that it is ours. */
  takenPauseMs: number;
  onBlock: (block: DrainedBlock, durationMs: number) => void;
  onRetry: (partition: AssignedPartition, error: Error) => void;
  onStopped: (partition: AssignedPartition, error: Error) => void;
  /** The home ledger did not say which elections there are. */
  onElectionsUnknown: (error: Error) => void;
};

export type RecorderParts = {
  log: LogReader;
  member: GroupMember;
  /** Buffered elections that may have ballots to drain. Throws while the home ledger does not answer. */
  elections: () => Promise<Election[]>;
  contests: ContestLookUp;
  /** By number; undefined when it is not configured here. */
  ledgerOf: (number: number) => DrainLedger | undefined;
};

type Running = { status: DrainStatus; end: AbortController; ended: Promise<void> };

export class Recorder {
  /** By topic. */
  private readonly elections = new Map<string, Election>();
  private readonly running = new Map<string, Running>();
  /** Drains that were given up and have not ended yet. */
  private readonly ending = new Set<Promise<void>>();

  constructor(
    private readonly parts: RecorderParts,
    private readonly options: RecorderOptions,
  ) {}

  get partitions(): DrainStatus[] {
    return [...this.running.values()].map(({ status }) => status);
  }

  async run(signal: AbortSignal): Promise<void> {
    const following = this.followElections(signal);
    await this.parts.member.run(signal, (assigned) => this.assign(assigned));
    this.assign([]);
    await Promise.all([following, ...this.ending]);
  }

  private async followElections(signal: AbortSignal): Promise<void> {
    const { clock, electionsPollMs } = this.options;
    while (!signal.aborted) {
      try {
        const elections = (await this.parts.elections()).filter(
          ({ buffering }) => buffering?.topicId != null,
        );
        for (const election of elections) this.elections.set(topicOf(election.uuid), election);
        this.parts.member.subscribe(elections.map(({ uuid }) => topicOf(uuid)));
      } catch (error) {
        // It goes on with those it knows.
        this.options.onElectionsUnknown(error as Error);
      }
      await clock.pause(electionsPollMs, signal);
    }
  }

  /** Starts what is new and ends what is gone; what stays goes on undisturbed. */
  private assign(assigned: readonly AssignedPartition[]): void {
    const wanted = new Map(assigned.map((each) => [`${each.topic}/${each.partition}`, each]));
    for (const [name, { end, ended }] of this.running) {
      if (wanted.has(name)) continue;
      end.abort();
      this.running.delete(name);
      this.ending.add(ended);
      void ended.then(() => this.ending.delete(ended));
    }
    for (const [name, partition] of wanted) {
      if (!this.running.has(name)) this.running.set(name, this.start(partition));
    }
  }

  private start(partition: AssignedPartition): Running {
    const end = new AbortController();
    const status: DrainStatus = { ...partition, nextOffset: null, stopped: null, retrying: null };
    return { status, end, ended: this.drain(partition, status, end.signal) };
  }

  /** Never rejects. */
  private async drain(partition: AssignedPartition, status: DrainStatus, signal: AbortSignal): Promise<void> {
    const { clock, takenPauseMs, onStopped } = this.options;
    while (!signal.aborted) {
      try {
        await this.drainOf(partition, status).run(signal);
      } catch (error) {
        // Being fenced is what becomes of whoever was slow to hear of another assignment.
        if (!(error instanceof StreamTakenError)) status.stopped = error as Error;
        onStopped(partition, error as Error);
        // Tried again too when people must look: it stops in the same way until they have mended it.
        await clock.pause(takenPauseMs, signal);
      }
    }
  }

  private drainOf({ topic, partition }: AssignedPartition, status: DrainStatus): PartitionDrain {
    const election = this.elections.get(topic);
    if (election === undefined) throw new Error(`there is no election of topic ${topic}`);
    const buffering = election.buffering!;
    const number = ledgerOfPartition(partition, buffering);
    const ledger = this.parts.ledgerOf(number);
    if (ledger === undefined) throw new Error(`ledger ${number} is needed, and not configured here`);
    const { log, contests, member } = this.parts;
    return new PartitionDrain(log, ledger, contests, {
      ...this.options,
      key: { electionUuid: election.uuid, partition },
      topic: { name: topic, id: buffering.topicId! },
      onRetry: (error) => {
        status.retrying = { sinceMs: status.retrying?.sinceMs ?? this.options.clock.steadyMs(), error };
        this.options.onRetry({ topic, partition }, error);
      },
      onDrained: (nextOffset) => {
        status.nextOffset = nextOffset;
        status.stopped = null;
        status.retrying = null;
        member.drained({ topic, partition }, nextOffset);
      },
    });
  }
}
