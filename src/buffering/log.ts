/** What buffering needs of a log: topics of partitions that are appended to, read in order, and never lose a record. */
import type { DurabilityCheck } from "../recording/durability.ts";

/** A topic of that name may have been made anew: it is the same one only if its id, a uuid, is. */
export type Topic = { name: string; id: string };

export type Appending = { partition: number; value: Buffer };

/**
 * - `appended`: at least two brokers have the record, at that offset.
 * - `not_appended`: it is not in the log and never will be. `unknown`: it may be, now or later.
 */
export type AppendOutcome =
  | { outcome: "appended"; offset: number }
  | { outcome: "not_appended"; error: Error }
  | { outcome: "unknown"; error: Error };

/** For concurrent use: several calls may be under way. */
export interface Appender extends AsyncDisposable {
  /**
   * A number of the broker that the partition's records go to now, as far as is known: those of one broker are appended
   * together, so that one that hangs holds up no other one's. Costs nothing: may be asked for every record.
   */
  leaderOf(topic: Topic, partition: number): number;
  /**
   * One outcome a record, in their order; those of one partition follow each other in the log as given. Settles by
   * `timeoutMs` and never throws. A record whose outcome was told is not sent again behind the caller's back.
   */
  append(topic: Topic, records: readonly Appending[], timeoutMs: number): Promise<AppendOutcome[]>;
}

/** Makes topics. For concurrent use; may be done again. */
export interface TopicMaker {
  /**
   * The id of the topic of that name, made now if there is none: three brokers have each record, two of them before it
   * counts as appended, and none is ever deleted. Throws when it can't be had, or has another number of partitions.
   */
  makeTopic(name: string, partitions: number): Promise<string>;
}

/** Tells what it is that keeps a topic's records. For concurrent use. */
export interface LogInspector {
  /** Its settings, and the brokers that have it, as they are in force. In bounded time; throws where it can't know. */
  inspect(topic: Topic): Promise<DurabilityCheck[]>;
  /** Whether any broker answers at all. In bounded time; throws where none does. */
  reach(): Promise<void>;
}

export type LogRecord = { offset: number; key: Buffer | null; value: Buffer | null };

/** Reads a partition from any offset. Concurrent; every call is bounded in time and throws when it can't know. */
export interface LogReader extends AsyncDisposable {
  /** The topic of that name as it is now; null when there is none. */
  topic(name: string): Promise<{ id: string; partitions: number } | null>;
  /** The offset of the first record that is still there, and the one that the next record will have. */
  bounds(topic: Topic, partition: number): Promise<{ earliest: number; next: number }>;
  /**
   * Records from that offset on, in order, as many as `bytesMax` holds and at least one where there is one; empty when
   * none came within `waitMs`. Throws {@link OffsetOutOfRangeError} rather than going on elsewhere.
   */
  read(topic: Topic, partition: number, fromOffset: number, bounds: ReadBounds): Promise<LogRecord[]>;
}

export type ReadBounds = { bytesMax: number; waitMs: number };

/** There is no such offset in that partition: records are gone, or the log is another one. */
export class OffsetOutOfRangeError extends Error {
  readonly code = "offset_out_of_range";
}

/** Since when, by the steady clock, nothing has worked that was tried, and what was the matter last. */
export type Retrying = { sinceMs: number; error: Error };

export type AssignedPartition = { topic: string; partition: number };

/**
 * A member of the group of all recorders, among whom Kafka divides the topics' partitions. What a member is told may be
 * late or untrue, as after it was frozen: it is where to begin, and no permission.
 */
export interface GroupMember extends AsyncDisposable {
  /** Null while the group answers, or there is nothing to have part in. */
  readonly retrying: Retrying | null;
  /** Takes part until the signal, trying again for ever; `onAssigned` is told of the whole assignment whenever it changes. */
  run(signal: AbortSignal, onAssigned: (assigned: readonly AssignedPartition[]) => void): Promise<void>;
  /** Has part in these topics from now on. */
  subscribe(topics: readonly string[]): void;
  /** Tells the group how far a partition has been drained: for whoever watches its lag, and for nothing else. Never throws. */
  drained(partition: AssignedPartition, nextOffset: number): void;
}
