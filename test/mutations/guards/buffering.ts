/** Guards: the buffered path, from a gateway's append to a ledger's block. */
import type { Guard } from "../guard.ts";

const ACCEPTING = "test/casting/accepting.test.ts";
const APPEND_LANE = "test/buffering/append-lane.test.ts";
const LOG_GATE = "test/buffering/log-gate.test.ts";
const DRAIN = "test/buffering/partition-drain.test.ts";
const RECORDER = "test/buffering/recorder.test.ts";
const BUFFERED_CONTESTS = "test/contests/buffered-contests.test.ts";

const EVERY_RECORD = "every record becomes a ballot or an exception that says why not";
const OTHER_LOG = "a log that is not the one that was drained stops the partition";
const NO_PROMISE = "nothing is promised when the barrier may be ahead of it";
const SETTLED = "what the log says is told";

const ACCEPT: Guard[] = [
  {
    name: "accepting-gate",
    without: "nothing is appended while the log's gate is shut",
    file: "src/casting/accepting.ts",
    text: "await this.inTime(faults, deadlineMs) : faults).length > 0",
    becomes: "await this.inTime(faults, deadlineMs) : faults).length < 0",
    noticedBy: [ACCEPTING, "while the log could lose it nothing is appended"],
  },
  {
    name: "accepting-clock",
    without: "nothing is appended by a clock that is wrong",
    file: "src/casting/accepting.ts",
    text: "if (!this.parts.clockWatch.check.ok) throw",
    becomes: "if (false) throw",
    noticedBy: [ACCEPTING, "while this machine's clock is wrong"],
  },
  {
    name: "barrier-check",
    without: "an append that is known of too late promises nothing",
    file: "src/casting/accepting.ts",
    text: "if (!this.isBeforeBarrier(contest)) {",
    becomes: "if (false) {",
    noticedBy: [ACCEPTING, NO_PROMISE],
  },
  {
    name: "barrier-check-of-unknown",
    without: "what is not known any more of a contest promises nothing",
    file: "src/casting/accepting.ts",
    text: "if (contest === undefined || contest.sealedAtMs !== null) return false;",
    becomes: "if (contest === undefined) return true;",
    noticedBy: [ACCEPTING, NO_PROMISE],
  },
  {
    name: "lane-a-leader",
    without: "a broker that hangs holds up its own ballots alone",
    file: "src/casting/accepting.ts",
    text: "const leader = this.parts.log.leaderOf(topic, partition);",
    becomes: "const leader = 0 * this.parts.log.leaderOf(topic, partition);",
    noticedBy: [ACCEPTING, "a broker that hangs holds up none"],
  },
  {
    name: "unknown-append",
    without: "an append of unknown outcome is told as such",
    file: "src/buffering/append-lane.ts",
    text: `case "unknown":\n      return { verdict: "outcome_unknown", reason: OPEN_OUTCOME };`,
    becomes: `case "unknown":\n      return { verdict: "not_recorded", reason: NOT_NOW };`,
    noticedBy: [APPEND_LANE, SETTLED],
  },
  {
    name: "append-not-appended",
    without: "what the log has not is not accepted",
    file: "src/buffering/append-lane.ts",
    text: `case "not_appended":\n      return { verdict: "not_recorded", reason: NOT_NOW };`,
    becomes: `case "not_appended":\n      return { verdict: "accepted", place: { partition, offset: 0, acceptedAtMs } };`,
    noticedBy: [APPEND_LANE, SETTLED],
  },
  {
    name: "expired-never-appended",
    without: "a ballot that was given up is not appended later",
    file: "src/buffering/append-lane.ts",
    text: "this.waiting = this.waiting.filter((cast) => !isExpired(cast));",
    becomes: "",
    noticedBy: [APPEND_LANE, "at the deadline a ballot that is on its way is unknown"],
  },
  {
    name: "append-lane-bound",
    without: "no more wait than the next batch takes",
    file: "src/buffering/append-lane.ts",
    text: "return this.waiting.length >= this.options.batchBallotsMax;",
    becomes: "return this.waiting.length < 0;",
    noticedBy: [APPEND_LANE, "past its bound it is refused at once"],
  },
  {
    name: "log-gate-age",
    without: "an answer of the brokers that is too old keeps no gate open",
    file: "src/buffering/log-gate.ts",
    text: "return faults.length === 0 && ageMs > this.options.ageMsMax ? TOO_OLD : faults;",
    becomes: "return ageMs < 0 ? TOO_OLD : faults;",
    noticedBy: [LOG_GATE, "an answer that is too old keeps it open no longer"],
  },
  {
    name: "log-gate-unanswered",
    without: "brokers that can't be asked shut the log's gate",
    file: "src/buffering/log-gate.ts",
    text: ".catch((error: Error) => [unanswered(topic, error)])",
    becomes: ".catch((error: Error) => [{ ...unanswered(topic, error), ok: true }])",
    noticedBy: [LOG_GATE, "brokers that can't be asked shut it"],
  },
  {
    name: "log-gate-by-id",
    without: "a topic that was made anew is asked about anew",
    file: "src/buffering/log-gate.ts",
    text: "this.watched.get(topic.id)",
    becomes: "[...this.watched.values()].find((one) => one.topic.name === topic.name)",
    noticedBy: [LOG_GATE, "a topic that was made anew is another one"],
  },
];

const DRAINING: Guard[] = [
  {
    name: "start-at-the-ledgers-offset",
    without: "draining begins where the ledger is, and not at the log's end",
    file: "src/buffering/partition-drain.ts",
    text: "await this.read(head.nextOffset);",
    becomes: "await this.read((await this.log.bounds(this.options.topic, this.options.key.partition)).next);",
    noticedBy: [DRAIN, EVERY_RECORD],
  },
  {
    name: "gap",
    without: "a gap in the log stops the partition",
    file: "src/buffering/partition-drain.ts",
    text: "if (offset === fromOffset + i) return;",
    becomes: "if (offset >= fromOffset + i) return;",
    noticedBy: [DRAIN, OTHER_LOG],
  },
  {
    name: "no-skipping",
    without: "records that are gone stop the partition",
    file: "src/buffering/partition-drain.ts",
    text: "if (earliest > nextOffset) {",
    becomes: "if (earliest < 0) {",
    noticedBy: [DRAIN, OTHER_LOG],
  },
  {
    name: "topic-id",
    without: "a topic that was made anew stops its partitions",
    file: "src/buffering/partition-drain.ts",
    text: "if (now?.id !== topic.id) {",
    becomes: "if (now === null) {",
    noticedBy: [DRAIN, OTHER_LOG],
  },
  {
    name: "last-record",
    without: "the last record that was drained is compared",
    file: "src/buffering/partition-drain.ts",
    text: "|| !recordHash(before).equals(lastRecord)",
    becomes: "",
    noticedBy: [DRAIN, OTHER_LOG],
  },
  {
    name: "log-looked-at-again",
    without: "a log that did not answer is looked at again",
    file: "src/buffering/partition-drain.ts",
    text: "this.isChecked = false;",
    becomes: "",
    noticedBy: [DRAIN, "a log that did not answer is looked at again"],
  },
  {
    name: "drain-epoch",
    without: "the drain's compare-and-swap compares the epoch",
    file: "src/postgres/drain-statements.ts",
    text: "AND epoch = $2::int4 AND next_seq",
    becomes: "AND $2::int4 IS NOT NULL AND next_seq",
    noticedBy: ["test/postgres/drain-ledger.test.ts", "whoever held the stream before writes nothing"],
  },
  {
    name: "drain-offset",
    without: "the offset moves in the ballots' own transaction",
    file: "src/postgres/drain-statements.ts",
    text: "head_hash = $13, next_offset = $14, last_record",
    becomes: "head_hash = $13, next_offset = next_offset + 0 * $14, last_record",
    noticedBy: [DRAIN, EVERY_RECORD],
  },
  {
    name: "drain-batch-id",
    without: "whether a block is recorded is decided by its id",
    file: "src/postgres/drain-ledger.ts",
    text: "place?.batch_id === block.batchId && place.epoch === head.epoch",
    becomes: "place !== null && place !== undefined && place.epoch === head.epoch",
    noticedBy: ["test/postgres/drain-ledger.test.ts", "another block at that place is not taken for it"],
  },
  {
    name: "unique-index-of-buffered",
    without: "the primary key of ballots fails a block that a voter's second ballot is in",
    file: "src/postgres/migrations/0001-ledger.sql",
    text: "  selections bytea NOT NULL,\n  PRIMARY KEY (contest_id, voter_key)\n",
    becomes: "  selections bytea NOT NULL\n",
    noticedBy: ["test/postgres/drain-ledger.test.ts", "a voter's second ballot fails its whole block"],
  },
  {
    name: "drain-resolves-durably",
    without: "that a block is recorded is told only once a standby has it",
    file: "src/postgres/drain-ledger.ts",
    text: "      await writeWal(session);\n      return selectPlace(",
    becomes: "      return selectPlace(",
    noticedBy: ["test/postgres/drain-ledger.test.ts", "the phantom"],
  },
  {
    name: "drain-gate",
    without: "nothing is recorded from the log while the durability gate is shut",
    file: "src/postgres/drain-ledger.ts",
    text: "if (gateFaults.length > 0 && !this.options.overrideGate) return refused(gateFaults);",
    becomes: "",
    noticedBy: ["test/postgres/drain-ledger.test.ts", "while the gate is shut nothing is sent"],
  },
  {
    name: "drain-settings",
    without: "a block is appended only under settings that were judged",
    file: "src/postgres/drain-ledger.ts",
    text: "if (found.length > 0 && !this.options.overrideGate) return refused(found);",
    becomes: "",
    noticedBy: ["test/postgres/drain-ledger.test.ts", "under settings that could lose it"],
  },
  {
    name: "same-block-again",
    without: "a block of unknown outcome is submitted again as it was",
    file: "src/buffering/partition-drain.ts",
    text: `open = outcome.outcome === "unknown" ? block : open;`,
    becomes: "open = null;",
    noticedBy: [DRAIN, "a block whose outcome is unknown is submitted again as it was"],
  },
  {
    name: "misrouted",
    without: "a ballot in a partition that is not its voter's is quarantined",
    file: "src/buffering/block-maker.ts",
    text: "if (partition !== key.partition) return quarantined(",
    becomes: "if (partition < 0) return quarantined(",
    noticedBy: [DRAIN, EVERY_RECORD],
  },
  {
    name: "behind-barrier",
    without: "a ballot behind the barrier does not count",
    file: "src/buffering/block-maker.ts",
    text: `else if (contents.passed.has(contest.ledgerId)) except("behind_barrier", leafBytes);\n`,
    becomes: "",
    noticedBy: [DRAIN, EVERY_RECORD],
  },
  {
    name: "late-in-the-log",
    without: "a ballot that was accepted after the close does not count",
    file: "src/buffering/block-maker.ts",
    text: `else if (isLate(record.ballot, contest)) except("not_open", leafBytes);\n`,
    becomes: "",
    noticedBy: [DRAIN, EVERY_RECORD],
  },
  {
    name: "duplicate-in-the-log",
    without: "a second ballot of a voter is an exception",
    file: "src/buffering/block-maker.ts",
    text: `if (of !== undefined) except("duplicate", leafBytes, of);\n  else if`,
    becomes: "if",
    noticedBy: [DRAIN, EVERY_RECORD],
  },
  {
    name: "stranger-is-no-alarm",
    without: "a partition that people must look at is told",
    file: "src/buffering/recorder.ts",
    text: "if (!(error instanceof StreamTakenError)) status.stopped = error as Error;",
    becomes: "",
    noticedBy: [RECORDER, "a partition whose log is another one stops until it is mended"],
  },
];

const BARRIERS: Guard[] = [
  {
    name: "barrier-wait",
    without: "no barrier is written while gateways may still promise",
    file: "src/contests/buffered-contests.ts",
    text: "if (clock.now() < contest.closesAtMs! + drainMsMin) return false;",
    becomes: "",
    noticedBy: [BUFFERED_CONTESTS, "barriers go into every partition"],
  },
  {
    name: "barrier-everywhere",
    without: "a contest is sealed only when every partition has met its barrier",
    file: "src/contests/buffered-contests.ts",
    text: "return missing.length === 0;",
    becomes: "return met.size > 0;",
    noticedBy: [BUFFERED_CONTESTS, "barriers go into every partition"],
  },
  {
    name: "barrier-clock",
    without: "no barrier is written by a clock that is wrong",
    file: "src/contests/buffered-contests.ts",
    text: 'if (fault !== null) throw new Problem("not_available", fault);',
    becomes: "",
    noticedBy: [BUFFERED_CONTESTS, "no barrier is written by a clock that is wrong"],
  },
];

const KAFKA: Guard[] = [
  {
    name: "acks",
    without: "what one broker alone has is not appended",
    file: "src/kafka/produce.ts",
    text: "const ACKS_ALL = -1;",
    becomes: "const ACKS_ALL = 1;",
    noticedBy: [
      "test/kafka/acknowledged-by-two.test.ts",
      "the broker that leads a partition acknowledges nothing",
    ],
  },
  {
    name: "out-of-range",
    without: "an offset that is not there is an error",
    file: "src/kafka/log-reader.ts",
    text: "if (code === CODE.offsetOutOfRange) {",
    becomes: "if (code === CODE.offsetOutOfRange) return [];\n    if (code === CODE.offsetOutOfRange) {",
    noticedBy: ["test/kafka/log-reader.test.ts", "an offset that is not there is an error"],
  },
  {
    name: "append-by-topic-id",
    without: "nothing is appended to a topic that was made anew",
    file: "src/kafka/appender.ts",
    text: "if (now?.id === topic.id) return now;",
    becomes: "if (now !== null) return now;",
    noticedBy: ["test/kafka/appender.test.ts", "a topic that was made anew, or is gone, is refused"],
  },
  {
    name: "unsafe-topic",
    without: "a topic on which one broker's record counts is refused",
    file: "src/kafka/inspection.ts",
    text: "Number(found) >= IN_SYNC_MIN",
    becomes: "Number(found) >= 1",
    noticedBy: ["test/kafka/topic-maker.test.ts", "min.insync.replicas"],
  },
];

export const BUFFERING: Guard[] = [...ACCEPT, ...DRAINING, ...BARRIERS, ...KAFKA];
