/** The one setting that says where Kafka is. */
import { describe, expect, test } from "bun:test";
import { parseKafkaAddress } from "../../src/kafka/address.ts";

describe("an address", () => {
  test("names several brokers", () => {
    expect(parseKafkaAddress("kafka://one:9092,two.example,[::1]:19092")).toEqual({
      brokers: [
        { host: "one", port: 9092 },
        { host: "two.example", port: 9092 },
        { host: "::1", port: 19092 },
      ],
      isEncrypted: false,
      user: null,
    });
  });

  test("may ask for TLS, and have a user", () => {
    expect(parseKafkaAddress("kafkas://urna:p%40ss%3A@one:9093")).toEqual({
      brokers: [{ host: "one", port: 9093 }],
      isEncrypted: true,
      user: { name: "urna", password: "p@ss:" },
    });
  });

  const wrong: Record<string, RegExp> = {
    "": /is no Kafka address: write kafka:/,
    "one:9092": /is no Kafka address: write kafka:/,
    "redis://one:6379": /is no Kafka address: write kafka:/,
    "kafka://one:9092/topic": /is no Kafka address: write kafka:/,
    "kafka://one:0": /"one:0" is no host:port/,
    "kafka://one:65536": /"one:65536" is no host:port/,
    "kafka://one,": /"" is no host:port/,
    "kafka://one;two": /"one;two" is no host:port/,
    "kafka://urna:secret@one": /over TLS alone: write kafkas:/,
    "kafkas://urna@one": /must be user:password/,
    "kafkas://:secret@one": /must be user:password/,
    "kafkas://urna:secret:more@one": /must be user:password/,
    "kafkas://urna:secret%@one": /percent-encoded/,
  };
  for (const [text, message] of Object.entries(wrong)) {
    test(`${JSON.stringify(text)} is refused, and no password is quoted`, () => {
      expect(() => parseKafkaAddress(text)).toThrow(message);
      expect(() => parseKafkaAddress(text)).not.toThrow(/secret/);
    });
  }
});
