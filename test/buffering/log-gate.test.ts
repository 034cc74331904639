/** The log's gate, on brokers that say what the test wants, in virtual time. */
import { expect, test } from "bun:test";
import type { Topic } from "../../src/buffering/log.ts";
import { LogGate } from "../../src/buffering/log-gate.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const TOPIC: Topic = { name: "topic", id: "1" };
const GOOD = { check: "topic min.insync.replicas", ok: true, found: "2", mend: "set it" };
const BAD = { ...GOOD, ok: false, found: "1" };

class Stage {
  readonly clock = new VirtualClock();
  readonly told: string[][] = [];
  says: () => Promise<(typeof GOOD)[]> = async () => [GOOD];
  asked = 0;
  isReached = true;
  readonly gate: LogGate;
  private readonly end = new AbortController();

  constructor() {
    const inspector = {
      inspect: () => {
        this.asked++;
        return this.says();
      },
      reach: async () => {
        if (!this.isReached) throw new Error("no broker answers");
      },
    };
    this.gate = new LogGate(inspector, {
      ...{ pollMs: 1_000, ageMsMax: 5_000, forgetMs: 60_000, clock: this.clock },
      onChange: (_, faults) => void this.told.push(faults.map(({ check }) => check)),
    });
    void this.gate.run(this.end.signal);
  }

  faults(topic = TOPIC) {
    return this.clock.settle(Promise.resolve(this.gate.faultsOf(topic))).map(({ check }) => check);
  }

  pass(ms: number): void {
    this.clock.settle(this.clock.pause(ms));
  }
}

test("a topic is asked about before anything is accepted into it, and then it is known at once", () => {
  const stage = new Stage();
  stage.says = async () => {
    await stage.clock.pause(10);
    return [GOOD];
  };
  expect(stage.gate.faultsOf(TOPIC)).toBeInstanceOf(Promise);
  expect(stage.faults()).toEqual([]);
  expect(stage.gate.faultsOf(TOPIC)).toEqual([]);
});

test("settings that could lose what is appended shut it while they last, and each change is told", () => {
  const stage = new Stage();
  expect(stage.faults()).toEqual([]);
  stage.says = async () => [BAD];
  stage.pass(1_500);
  expect(stage.faults()).toEqual([BAD.check]);
  expect(stage.gate.faults).toEqual([BAD]);
  stage.says = async () => [GOOD];
  stage.pass(1_500);
  expect(stage.faults()).toEqual([]);
  expect(stage.told).toEqual([[BAD.check], []]);
});

test("brokers that can't be asked shut it", () => {
  const stage = new Stage();
  stage.says = () => Promise.reject(new Error("no broker answers"));
  expect(stage.faults()).toEqual(["topic asked"]);
});

test("a log that can't be reached is told while nobody appends, until it is", () => {
  const stage = new Stage();
  stage.isReached = false;
  stage.pass(1_500);
  expect(stage.gate.faults.map(({ check, found }) => `${check}: ${found}`)).toEqual([
    "Kafka: no broker answers",
  ]);
  stage.isReached = true;
  stage.pass(1_500);
  expect(stage.gate.faults).toEqual([]);
});

test("an answer that is too old keeps it open no longer", () => {
  const stage = new Stage();
  expect(stage.faults()).toEqual([]);
  stage.says = () => new Promise(() => undefined);
  stage.pass(4_000);
  expect(stage.faults()).toEqual([]);
  stage.pass(3_000);
  expect(stage.faults()).toEqual(["log gate"]);
});

test("a topic that was made anew is another one, and one that nobody uses is forgotten", () => {
  const stage = new Stage();
  stage.faults();
  stage.says = async () => [BAD];
  expect(stage.faults({ ...TOPIC, id: "2" })).toEqual([BAD.check]);
  stage.pass(62_000);
  const { asked } = stage;
  stage.pass(5_000);
  expect(stage.asked).toBe(asked);
  expect(stage.gate.faults).toEqual([]);
});
