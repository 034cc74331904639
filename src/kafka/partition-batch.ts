/** The records of one append that go to one partition, and what is known of them. */
import type { AppendOutcome } from "../buffering/log.ts";
import { BrokerError, CODE } from "./errors.ts";
import type { ProducedPartition } from "./produce.ts";

/**
 * Refused before anything was appended. Every other code may be told of records that were: a broker that is the leader
 * no more says so also when it lost that place while it waited for the others.
 */
const REFUSED = new Set<number>([
  ...[CODE.corruptMessage, CODE.messageTooLarge, CODE.invalidTopic, CODE.recordListTooLarge],
  ...[CODE.notEnoughReplicas, CODE.topicAuthorizationFailed, CODE.clusterAuthorizationFailed],
  ...[CODE.invalidTimestamp, CODE.policyViolation, CODE.invalidRecord],
]);
const NUMBERS_REFUSED = new Set<number>([
  ...[CODE.outOfOrderSequence, CODE.invalidProducerEpoch, CODE.invalidProducerIdMapping],
  ...[CODE.unknownProducerId, CODE.producerFenced],
]);

export class PartitionBatch {
  readonly values: Buffer[] = [];
  /** Where the records were in what was asked. */
  private readonly places: number[] = [];
  firstSequence = 0;
  /** An attempt may have appended, or may yet. */
  isOpen = false;
  lastError: Error = new Error("there was no time for an attempt");
  private baseOffset: number | null = null;
  private isRefused = false;
  private areNumbersRefused = false;

  constructor(readonly partition: number) {}

  add(value: Buffer, place: number): void {
    this.values.push(value);
    this.places.push(place);
  }

  get isSettled(): boolean {
    return this.isAppended || this.isRefused;
  }

  get isAppended(): boolean {
    return this.baseOffset !== null;
  }

  /** Its producer's next batch would not be known to follow it. */
  get spoilsNumbers(): boolean {
    return this.areNumbersRefused || (this.isOpen && !this.isAppended);
  }

  judge({ code, baseOffset, message }: ProducedPartition): void {
    if (code === CODE.none) {
      this.baseOffset = baseOffset;
      return;
    }
    const error = new BrokerError(`partition ${this.partition} was not appended to`, code, message);
    this.areNumbersRefused ||= NUMBERS_REFUSED.has(code);
    if (REFUSED.has(code) || NUMBERS_REFUSED.has(code)) this.refuse(error);
    // The broker may not know the topic yet; whether there is one is looked up before the next attempt.
    else if (code !== CODE.unknownTopicId) this.isOpen = true;
    this.lastError = error;
  }

  /** Nothing will be tried again, unless an attempt is open: then the next one may tell. */
  refuse(error: Error): void {
    this.lastError = error;
    if (!this.isOpen || this.areNumbersRefused) this.isRefused = true;
  }

  tell(outcomes: AppendOutcome[]): void {
    this.places.forEach((place, i) => {
      if (this.baseOffset !== null) outcomes[place] = { outcome: "appended", offset: this.baseOffset + i };
      else if (this.isOpen) outcomes[place] = { outcome: "unknown", error: this.lastError };
      else outcomes[place] = { outcome: "not_appended", error: this.lastError };
    });
  }
}
