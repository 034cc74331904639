/** Kafka's error codes: the ones that Urna tells apart. https://kafka.apache.org/43/design/protocol/#error-codes */
import { protocolErrorsCodesById } from "@platformatic/kafka";

export const CODE = {
  none: 0,
  offsetOutOfRange: 1,
  corruptMessage: 2,
  unknownTopicOrPartition: 3,
  messageTooLarge: 10,
  coordinatorLoading: 14,
  coordinatorNotAvailable: 15,
  notCoordinator: 16,
  invalidTopic: 17,
  recordListTooLarge: 18,
  notEnoughReplicas: 19,
  unknownMemberId: 25,
  topicAuthorizationFailed: 29,
  clusterAuthorizationFailed: 31,
  invalidTimestamp: 32,
  topicAlreadyExists: 36,
  policyViolation: 44,
  outOfOrderSequence: 45,
  invalidProducerEpoch: 47,
  invalidProducerIdMapping: 49,
  unknownProducerId: 59,
  groupIdNotFound: 69,
  invalidRecord: 87,
  producerFenced: 90,
  unknownTopicId: 100,
  fencedMemberEpoch: 110,
} as const;

/** Kafka's own name of it. */
export function codeName(code: number): string {
  return (protocolErrorsCodesById as Record<number, string>)[code] ?? `error ${code}`;
}

/** A broker answered, and this is what it said. */
export class BrokerError extends Error {
  constructor(
    what: string,
    readonly kafkaCode: number,
    detail?: string | null,
  ) {
    super(`${what}: ${detail ? `${detail} ` : ""}(${codeName(kafkaCode)})`);
  }
}
