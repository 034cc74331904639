/**
 * The request that appends. In version 13 a topic is named by its id, so that a broker refuses one that was made anew;
 * the library knows versions up to 11. https://kafka.apache.org/43/design/protocol/#The_Messages_Produce
 */
import { type Connection, createRecordsBatch, NumericMap, type Reader, Writer } from "@platformatic/kafka";

const KEY = 0;
const VERSION = 13;
/** All brokers that are in sync. */
const ACKS_ALL = -1;

export type Producer = { id: bigint; epoch: number };

export type ProducedBatch = { partition: number; values: readonly Buffer[]; firstSequence: number };

export type ProducedPartition = {
  partition: number;
  code: number;
  baseOffset: number;
  message: string | null;
};

/** Of one topic, to the broker that leads the partitions. Throws when no answer came. */
export function produce(
  connection: Connection,
  producer: Producer,
  topicId: string,
  batches: readonly ProducedBatch[],
  timeoutMs: number,
): Promise<ProducedPartition[]> {
  return new Promise((resolve, reject) => {
    const request = () => encode(producer, topicId, batches, timeoutMs);
    connection.send<ProducedPartition[]>(KEY, VERSION, request, decode, true, true, (error, answer) => {
      if (error === null) resolve(answer!);
      else reject(error);
    });
  });
}

function encode(
  producer: Producer,
  topicId: string,
  batches: readonly ProducedBatch[],
  timeoutMs: number,
): Writer {
  return Writer.create()
    .appendString(null)
    .appendInt16(ACKS_ALL)
    .appendInt32(timeoutMs)
    .appendArray([batches], (topic, partitions) =>
      topic.appendUUID(topicId).appendArray([...partitions], (partition, batch) => {
        const records = recordsOf(batch, producer);
        partition
          .appendInt32(batch.partition)
          .appendUnsignedVarInt(records.length + 1)
          .appendFrom(records);
      }),
    )
    .appendTaggedFields();
}

function recordsOf({ partition, values, firstSequence }: ProducedBatch, { id, epoch }: Producer): Writer {
  const timestamp = BigInt(Date.now());
  const sequences = new NumericMap();
  sequences.set(`:${partition}`, firstSequence);
  const messages = values.map((value) => ({ topic: "", partition, value, timestamp }));
  return createRecordsBatch(messages, { producerId: id, producerEpoch: epoch, sequences });
}

function decode(_correlation: number, _key: number, _version: number, reader: Reader): ProducedPartition[] {
  const topics = reader.readArray((topic) => {
    topic.readUUID();
    return topic.readArray(decodePartition);
  });
  return topics.flat();
}

function decodePartition(reader: Reader): ProducedPartition {
  const partition = reader.readInt32();
  const code = reader.readInt16();
  const baseOffset = Number(reader.readInt64());
  reader.readInt64(); // when it was appended
  reader.readInt64(); // where the log begins
  const faults = reader.readArray((fault) => {
    fault.readInt32();
    return fault.readNullableString();
  });
  const message = reader.readNullableString() ?? faults.find((fault) => fault !== null) ?? null;
  return { partition, code, baseOffset, message };
}
