/** Guards: what is told of records in Kafka. */
import type { Guard } from "../guard.ts";

const FAULTS = ["test/kafka/broker-faults.test.ts", "a broker is killed and comes back"] as const;

export const KAFKA: Guard[] = [
  {
    name: "acks-of-all",
    without: "all brokers in sync acknowledge",
    file: "src/kafka/produce.ts",
    text: "const ACKS_ALL = -1;",
    becomes: "const ACKS_ALL = 1;",
    noticedBy: FAULTS,
  },
  {
    name: "codes-of-refusals",
    without: "a broker that is the leader no more leaves the outcome open",
    file: "src/kafka/partition-batch.ts",
    text: "CODE.corruptMessage, ",
    becomes: "CODE.corruptMessage, 6, ",
    noticedBy: ["test/kafka/partition-batch.test.ts", "those and no others say that nothing was appended"],
  },
  {
    name: "open-attempts",
    without: "a refusal says nothing of an earlier attempt",
    file: "src/kafka/partition-batch.ts",
    text: "if (!this.isOpen || this.areNumbersRefused)",
    becomes: "if (this.areNumbersRefused || error)",
    noticedBy: ["test/kafka/partition-batch.test.ts", "a refusal of the next one says nothing of it"],
  },
  {
    name: "sent-without-an-answer",
    without: "what was sent and not answered is open",
    file: "src/kafka/appender.ts",
    text: "batch.isOpen ||= sent;",
    becomes: "batch.isOpen ||= sent && false;",
    noticedBy: ["test/kafka/appender.test.ts", "an answer that does not come in time"],
  },
  {
    name: "producers-are-given-up",
    without: "numbers are not used again after an open batch",
    file: "src/kafka/appender.ts",
    text: "if (batches.some((batch) => batch.spoilsNumbers)) return;",
    becomes: "",
    noticedBy: ["test/kafka/appender.test.ts", "an answer that does not come in time"],
  },
  {
    name: "spoiled-numbers",
    without: "a producer with an open batch is given up",
    file: "src/kafka/partition-batch.ts",
    text: "(this.isOpen && !this.isAppended)",
    becomes: "false",
    noticedBy: ["test/kafka/partition-batch.test.ts", "its producer's numbers are spoiled"],
  },
  {
    name: "offsets-that-are-not-there",
    without: "an offset that is not there is an error",
    file: "src/kafka/log-reader.ts",
    text: "if (code === CODE.offsetOutOfRange) {",
    becomes: "if (code === CODE.offsetOutOfRange) return [];\n    if (code === CODE.offsetOutOfRange) {",
    noticedBy: ["test/kafka/log-reader.test.ts", "an offset that is not there is an error"],
  },
  {
    name: "checksums",
    without: "checksums are compared",
    file: "src/kafka/fetch.ts",
    text: "if (crc32c(batch.subarray(CHECKED_FROM)) !== batch.readUInt32BE(CRC_AT)) {",
    becomes: "if (crc32c(batch) === -1) {",
    noticedBy: ["test/kafka/fetch.test.ts", "a batch of which a bit has changed"],
  },
  {
    name: "topics-by-their-ids",
    without: "a topic is the same one only if its id is",
    file: "src/kafka/cluster.ts",
    text: "return known?.id === topic.id ? known : undefined;",
    becomes: "return known;",
    noticedBy: ["test/kafka/log-reader.test.ts", "a topic that was made anew has none of the offsets"],
  },
  {
    name: "safe-topics",
    without: "a topic's settings are looked at",
    file: "src/kafka/inspection.ts",
    text: "ok: isRight(found), found, mend",
    becomes: "ok: true, found, mend",
    noticedBy: ["test/kafka/topic-maker.test.ts", "one with min.insync.replicas=1 is refused"],
  },
];
