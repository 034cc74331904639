/** What a broker sends is taken only as it was appended, and what nobody can read takes its offsets all the same. */
import { describe, expect, test } from "bun:test";
import { crc32c, createRecordsBatch } from "@platformatic/kafka";
import { recordsFrom } from "../../src/kafka/fetch.ts";

const values = ["one", "two", "three"].map((each) => Buffer.from(each));

function batchAt(
  firstOffset: number,
  compression: "none" | "gzip" | "snappy" | "lz4" | "zstd" = "none",
): Buffer {
  const batch = createRecordsBatch(
    values.map((value) => ({ topic: "", value, timestamp: 1n })),
    { compression },
  ).buffer;
  batch.writeBigInt64BE(BigInt(firstOffset), 0);
  return batch;
}

const records = (firstOffset: number) =>
  values.map((value, i) => ({ offset: firstOffset + i, key: null, value }));

test("batches one after the other, from the offset that was asked for, without one that is cut off", () => {
  const answer = Buffer.concat([batchAt(4), batchAt(7), batchAt(10).subarray(0, 70)]);
  expect(recordsFrom(answer, 5)).toEqual([...records(4).slice(1), ...records(7)]);
});

test("a batch of which a bit has changed is not taken", () => {
  const batch = batchAt(4);
  for (let at = 17; at < batch.length; at++) {
    const damaged = Buffer.from(batch);
    damaged[at]! ^= 1;
    expect(() => recordsFrom(damaged, 4)).toThrow("the records from offset 4 on are damaged");
  }
});

describe("of a stranger", () => {
  for (const compression of ["gzip", "snappy", "lz4", "zstd"] as const) {
    test(`a batch compressed with ${compression} is read`, () => {
      expect(recordsFrom(batchAt(4, compression), 4)).toEqual(records(4));
    });
  }

  test("a batch that nobody can read takes its offsets, and is there to be kept", () => {
    const unreadable = withCodec(batchAt(4), 7);
    const [first, ...others] = recordsFrom(Buffer.concat([unreadable, batchAt(7)]), 4);
    expect(first).toEqual({ offset: 4, key: null, value: unreadable });
    expect(others).toEqual([
      { offset: 5, key: null, value: null },
      { offset: 6, key: null, value: null },
      ...records(7),
    ]);
  });
});

/** As a producer would make it that compresses in a way which there is not. */
function withCodec(batch: Buffer, codec: number): Buffer {
  const changed = Buffer.from(batch);
  changed.writeInt16BE(codec, 21);
  changed.writeUInt32BE(crc32c(changed.subarray(21)), 17);
  return changed;
}
