/** Guards: what a ballot that is accepted rests on. */
import type { Guard } from "../guard.ts";

const ACCEPTING = "test/casting/accepting.test.ts";
const APPEND_LANE = "test/buffering/append-lane.test.ts";
const LOG_GATE = "test/buffering/log-gate.test.ts";
const NO_PROMISE = "nothing is promised when the barrier may be ahead of it";
const SETTLED = "what the log says is told";

export const ACCEPTED: readonly Guard[] = [
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
