/** What roles open of Kafka. */
import type { LogInspector } from "../buffering/log.ts";
import { type KafkaAddress, parseKafkaAddress } from "../kafka/address.ts";
import { KafkaAppender } from "../kafka/appender.ts";
import { Cluster } from "../kafka/cluster.ts";
import { KafkaGroupMember } from "../kafka/group-member.ts";
import { inspectTopic } from "../kafka/inspection.ts";
import { KafkaLogReader } from "../kafka/log-reader.ts";
import { KafkaTopicMaker } from "../kafka/topic-maker.ts";
import { systemClock as clock } from "../runtime/clock.ts";
import { InvalidSecretError } from "../runtime/invalid-secret.ts";

/** Shorter than people wait for a call: until then a topic that was made takes records. */
const TOPIC_TIMEOUT_MS = 10_000;
/** All recorders, whatever elections they know of; what scales them watches this group's lag. */
export const RECORDERS_GROUP = "urna-recorders";
const HEARTBEAT_RETRY_PAUSE_MS = 250;
const DRAINED_PAUSE_MS = 1_000;
const APPEND_RETRY_PAUSE_MS = 50;
/** A broker that has not answered for so long may have been replaced. */
const SUSPECT_MS = 500;

export type KafkaAccess = ReturnType<typeof openKafka>;

/** Throws what a person can do about an address that is none. */
export function kafkaAddress(url: string): KafkaAddress {
  try {
    return parseKafkaAddress(url);
  } catch (error) {
    throw new InvalidSecretError(`--kafka (URNA_KAFKA): ${(error as Error).message}`);
  }
}

/** Does not wait for Kafka: whoever needs it is told when it does not answer. */
export function openKafka(opened: AsyncDisposableStack, address: KafkaAddress) {
  const cluster = opened.use(new Cluster(address, "urna"));
  const inspector: LogInspector = {
    inspect: (topic) => inspectTopic(cluster, topic),
    reach: async () => void (await cluster.lookUp([])),
  };
  return {
    ...inspector,
    appender: new KafkaAppender(cluster, {
      clock,
      retryPauseMs: APPEND_RETRY_PAUSE_MS,
      suspectMs: SUSPECT_MS,
    }),
    topicMaker: new KafkaTopicMaker(cluster, { clock, timeoutMs: TOPIC_TIMEOUT_MS }),
    reader: new KafkaLogReader(cluster),
    joinRecorders: (onRetry: (error: Error) => void) =>
      new KafkaGroupMember(new Cluster(address, "urna recorder"), {
        ...{ group: RECORDERS_GROUP, clock, onRetry },
        ...{ retryPauseMs: HEARTBEAT_RETRY_PAUSE_MS, drainedPauseMs: DRAINED_PAUSE_MS },
      }),
  };
}
