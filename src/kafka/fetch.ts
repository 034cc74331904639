/**
 * The request that reads one partition, and what a broker answers to it: only what is on every broker in sync.
 * https://kafka.apache.org/43/design/protocol/#The_Messages_Fetch
 */
import { type Connection, crc32c, fetchV17, Reader, readRecordsBatches } from "@platformatic/kafka";
import type { LogRecord } from "../buffering/log.ts";
import { READ_UNCOMMITTED } from "./cluster.ts";

const KEY = 1;
const VERSION = 17;
/** Who asks is no broker. */
const NO_SESSION = { id: 0, epoch: -1 };
const EPOCH_UNKNOWN = -1;

export type Fetching = {
  topicId: string;
  partition: number;
  fromOffset: number;
  bytesMax: number;
  waitMs: number;
};

export type Fetched = { code: number; records: LogRecord[] };

/** Throws when no answer came, or records are not as they were appended. */
export function fetchRecords(connection: Connection, asked: Fetching): Promise<Fetched> {
  const { topicId, partition, fromOffset, bytesMax, waitMs } = asked;
  const partitions = [
    {
      partition,
      currentLeaderEpoch: EPOCH_UNKNOWN,
      fetchOffset: BigInt(fromOffset),
      lastFetchedEpoch: EPOCH_UNKNOWN,
      partitionMaxBytes: bytesMax,
    },
  ];
  const topics = [{ topicId, partitions }];
  const { id, epoch } = NO_SESSION;
  const request = () =>
    fetchV17.createRequest(waitMs, 1, bytesMax, READ_UNCOMMITTED, id, epoch, topics, [], "");
  return new Promise((resolve, reject) => {
    connection.send<Answer>(KEY, VERSION, request, decode, true, true, (error, answer) => {
      if (error !== null) return reject(error);
      try {
        resolve({ code: answer!.code, records: recordsFrom(answer!.batches, fromOffset) });
      } catch (fault) {
        reject(fault);
      }
    });
  });
}

type Answer = { code: number; batches: Buffer };

function decode(_correlation: number, _key: number, _version: number, reader: Reader): Answer {
  reader.readInt32(); // how long the broker held it back
  const code = reader.readInt16();
  reader.readInt32(); // session
  const topics = reader.readArray((topic) => {
    topic.readUUID();
    return topic.readArray(decodePartition);
  });
  const [answer] = topics.flat();
  return code === 0 && answer !== undefined ? answer : { code, batches: Buffer.alloc(0) };
}

function decodePartition(reader: Reader): Answer {
  reader.readInt32(); // partition
  const code = reader.readInt16();
  reader.readInt64(); // committed up to
  reader.readInt64(); // up to which no transaction is open
  reader.readInt64(); // where the log begins
  reader.readNullableArray((transaction) => {
    transaction.readInt64();
    transaction.readInt64();
  });
  reader.readInt32(); // another broker to read from
  const batches = reader.readNullableBytes() ?? Buffer.alloc(0);
  return { code, batches };
}

/** Where in a batch is what: https://kafka.apache.org/43/implementation/message-format/ */
const LENGTH_AT = 8;
const HEAD_BYTES = 12;
const CRC_AT = 17;
const CHECKED_FROM = 21;
const LAST_DELTA_AT = 23;

/** A broker sends whole batches, the first of which may begin before the offset, and the last be cut off. */
export function recordsFrom(batches: Buffer, fromOffset: number): LogRecord[] {
  const records: LogRecord[] = [];
  for (let at = 0; at + HEAD_BYTES <= batches.length; ) {
    const end = at + HEAD_BYTES + batches.readInt32BE(at + LENGTH_AT);
    if (end > batches.length) break;
    const batch = batches.subarray(at, end);
    const firstOffset = Number(batch.readBigInt64BE(0));
    if (crc32c(batch.subarray(CHECKED_FROM)) !== batch.readUInt32BE(CRC_AT)) {
      throw new Error(`the records from offset ${firstOffset} on are damaged: their checksum is another one`);
    }
    for (const record of recordsOf(batch, firstOffset)) if (record.offset >= fromOffset) records.push(record);
    at = end;
  }
  return records;
}

function recordsOf(batch: Buffer, firstOffset: number): LogRecord[] {
  try {
    return readRecordsBatches(Reader.from(batch)).flatMap(({ records }) =>
      records.map(({ offsetDelta, key, value }) => ({ offset: firstOffset + offsetDelta, key, value })),
    );
  } catch {
    // It is as its producer made it, in a way that nobody can read. Its offsets are taken all the same.
    const count = batch.readInt32BE(LAST_DELTA_AT) + 1;
    return Array.from({ length: count }, (_, i) => ({
      offset: firstOffset + i,
      key: null,
      value: i === 0 ? batch : null,
    }));
  }
}
