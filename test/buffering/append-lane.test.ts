/** An append lane on a log that does as the test says, in virtual time. */
import { expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { AppendLane, type AppendVerdict } from "../../src/buffering/append-lane.ts";
import { decodeRecord } from "../../src/buffering/record.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { type AppendFate, SimulatedAppender } from "./simulated-appender.ts";

const CONTEST_UUID = "c0ffee00-0000-4000-8000-000000000000";
const TOPIC = { name: "topic", id: "1" };

class Stage {
  readonly clock = new VirtualClock();
  readonly log = new SimulatedAppender(this.clock);
  readonly lane: AppendLane;
  readonly ended: Promise<void>;

  constructor(fates: AppendFate[] = [], ballotsMax = 4) {
    this.log.fates = fates;
    this.lane = new AppendLane(this.log, {
      ...{ batchBallotsMax: ballotsMax, appendTimeoutMs: 4_000, clock: this.clock, onBatch: () => undefined },
    });
    this.ended = this.lane.run();
  }

  append(voter: number, { patienceMs = 5_000, topic = TOPIC } = {}): Promise<AppendVerdict> {
    const voterKey = createHash("md5").update(String(voter)).digest("hex");
    const nonce = randomBytes(16).toString("base64url");
    const ballot = { contestLedgerId: 1, contestUuid: CONTEST_UUID, voterKey, nonce, leaf: "" };
    return this.lane.append({
      ...{ ballot: { ...ballot, selections: [voter] }, topic, partition: 3, acceptedAtMs: 1_000 },
      deadlineMs: this.clock.steadyMs() + patienceMs,
    });
  }

  all(verdicts: Promise<AppendVerdict>[]): AppendVerdict[] {
    return this.clock.settle(Promise.all(verdicts));
  }
}

const namesOf = (verdicts: AppendVerdict[]) => verdicts.map(({ verdict }) => verdict);

test("a ballot is accepted at its place once the log has it, whole", () => {
  const stage = new Stage();
  const [verdict] = stage.all([stage.append(7)]);
  expect(verdict).toEqual({ verdict: "accepted", place: { partition: 3, offset: 0, acceptedAtMs: 1_000 } });
  const [record] = stage.log.appended;
  expect(record!.partition).toBe(3);
  expect(decodeRecord(record!.value)).toMatchObject({
    contestUuid: CONTEST_UUID,
    selections: [7],
    acceptedAtMs: 1_000,
  });
});

test("what arrives while a batch is on its way makes up the next one, and past its bound it is refused at once", () => {
  const stage = new Stage([{ outcome: "appended", afterMs: 50 }]);
  const first = stage.append(0);
  stage.clock.settle(stage.clock.pause(1));
  const rest = [1, 2, 3, 4, 5].map((voter) => stage.append(voter));
  const refused = stage.clock.settle(rest[4]!);
  expect(refused.verdict).toBe("not_recorded");
  expect(stage.clock.steadyMs()).toBeLessThan(50);
  expect(namesOf(stage.all([first, ...rest.slice(0, 4)]))).toEqual(Array(5).fill("accepted"));
  expect(stage.log.calls).toEqual([1, 4]);
});

test("what the log says is told: not appended is not recorded, and only what may be there is unknown", () => {
  const fates: AppendFate[] = [
    { outcome: "not_appended", afterMs: 1 },
    { outcome: "unknown", afterMs: 1 },
  ];
  const stage = new Stage(fates);
  expect(namesOf(stage.all([stage.append(1)]))).toEqual(["not_recorded"]);
  expect(namesOf(stage.all([stage.append(2)]))).toEqual(["outcome_unknown"]);
  expect(stage.log.appended).toEqual([]);
});

test("at the deadline a ballot that is on its way is unknown, and one that waits is not recorded, for it never goes", () => {
  const stage = new Stage([{ outcome: "appended", afterMs: 3_000 }]);
  const first = stage.append(1, { patienceMs: 1_000 });
  stage.clock.settle(stage.clock.pause(1));
  const second = stage.append(2, { patienceMs: 1_000 });
  expect(namesOf(stage.all([first, second]))).toEqual(["outcome_unknown", "not_recorded"]);
  expect(stage.clock.steadyMs()).toBeLessThanOrEqual(1_001);
  expect(namesOf(stage.all([stage.append(3)]))).toEqual(["accepted"]);
  const appended = stage.log.appended.map(({ value }) => decodeRecord(value));
  expect(appended.map((record) => "selections" in record && record.selections)).toEqual([[1], [3]]);
});

test("each call brings the ballots of one topic", () => {
  const stage = new Stage([{ outcome: "appended", afterMs: 50 }]);
  const other = { name: "other", id: "2" };
  const verdicts = [stage.append(0)];
  stage.clock.settle(stage.clock.pause(1));
  verdicts.push(stage.append(1), stage.append(2, { topic: other }), stage.append(3));
  expect(namesOf(stage.all(verdicts))).toEqual(Array(4).fill("accepted"));
  expect(stage.log.calls).toEqual([1, 2, 1]);
});

test("a lane that is drained settles what it has and takes nothing more", () => {
  const stage = new Stage([{ outcome: "appended", afterMs: 50 }]);
  const first = stage.append(0);
  stage.clock.settle(stage.clock.pause(1));
  const second = stage.append(1);
  stage.lane.drain();
  expect(namesOf(stage.all([stage.append(2)]))).toEqual(["not_recorded"]);
  stage.clock.settle(stage.ended);
  expect(namesOf(stage.all([first, second]))).toEqual(["accepted", "accepted"]);
});
