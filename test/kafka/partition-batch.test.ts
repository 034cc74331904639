/** What a broker's answers to a batch mean: only what was refused before anything was appended is told as not appended. */
import { describe, expect, test } from "bun:test";
import { protocolErrors } from "@platformatic/kafka";
import type { AppendOutcome } from "../../src/buffering/log.ts";
import { PartitionBatch } from "../../src/kafka/partition-batch.ts";

const REFUSED = [
  ...["CORRUPT_MESSAGE", "MESSAGE_TOO_LARGE", "INVALID_TOPIC_EXCEPTION", "RECORD_LIST_TOO_LARGE"],
  ...["NOT_ENOUGH_REPLICAS", "TOPIC_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED"],
  ...["INVALID_TIMESTAMP", "POLICY_VIOLATION", "INVALID_RECORD"],
];
const NUMBERS_REFUSED = [
  ...["OUT_OF_ORDER_SEQUENCE_NUMBER", "INVALID_PRODUCER_EPOCH", "INVALID_PRODUCER_ID_MAPPING"],
  ...["UNKNOWN_PRODUCER_ID", "PRODUCER_FENCED"],
];

type Name = keyof typeof protocolErrors;

function batchTold(...answers: (Name | number)[]): PartitionBatch {
  const batch = new PartitionBatch(3);
  batch.add(Buffer.from("vote"), 0);
  for (const answer of answers) {
    const [code, baseOffset] = typeof answer === "number" ? [0, answer] : [protocolErrors[answer]!.code, -1];
    batch.judge({ partition: 3, code, baseOffset, message: null });
  }
  return batch;
}

function outcomeOf(batch: PartitionBatch): AppendOutcome["outcome"] {
  const outcomes: AppendOutcome[] = [];
  batch.tell(outcomes);
  return outcomes[0]!.outcome;
}

test("of every code of Kafka's, those and no others say that nothing was appended", () => {
  const codes = Object.keys(protocolErrors) as Name[];
  expect(codes.length).toBeGreaterThan(100);
  const refused = codes.filter((code) => outcomeOf(batchTold(code)) === "not_appended");
  // The last one is of a broker that has not heard of the topic, or not any more: it has appended nothing.
  expect(refused.sort()).toEqual([...REFUSED, ...NUMBERS_REFUSED, "UNKNOWN_TOPIC_ID"].sort());
});

test("a batch is settled by what is certain, and tried again otherwise", () => {
  for (const code of [...REFUSED, ...NUMBERS_REFUSED]) expect(batchTold(code as Name).isSettled).toBe(true);
  for (const code of ["NOT_LEADER_OR_FOLLOWER", "REQUEST_TIMED_OUT", "UNKNOWN_TOPIC_ID"] as const) {
    expect(batchTold(code).isSettled).toBe(false);
  }
});

describe("after an open attempt", () => {
  test("the next one tells", () => {
    expect(outcomeOf(batchTold("NOT_LEADER_OR_FOLLOWER", 7))).toBe("appended");
  });

  test("a refusal of the next one says nothing of it", () => {
    const batch = batchTold("NOT_ENOUGH_REPLICAS_AFTER_APPEND", "NOT_ENOUGH_REPLICAS");
    expect([outcomeOf(batch), batch.isSettled]).toEqual(["unknown", false]);
  });

  test("its producer's numbers are spoiled, unless it was appended", () => {
    expect(batchTold("REQUEST_TIMED_OUT").spoilsNumbers).toBe(true);
    expect(batchTold("REQUEST_TIMED_OUT", 7).spoilsNumbers).toBe(false);
  });

  test("numbers that are refused end it, in doubt", () => {
    const batch = batchTold("REQUEST_TIMED_OUT", "OUT_OF_ORDER_SEQUENCE_NUMBER");
    expect([outcomeOf(batch), batch.isSettled, batch.spoilsNumbers]).toEqual(["unknown", true, true]);
  });
});
