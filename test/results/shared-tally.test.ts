/** A shared tally on real tailers: what is told through a relay that loses, repeats and makes up whatever it likes. */
import { describe, expect, test } from "bun:test";
import {
  CHECK_MS,
  DISTRUST_MS,
  LEASE_MS,
  SharedTally,
  SILENCE_MS_MAX,
  type SnapshotRelay,
  UNCHECKED_MS_MAX,
} from "../../src/results/shared-tally.ts";
import { snapshotText } from "../../src/results/snapshot.ts";
import { Tailer } from "../../src/results/tailer.ts";
import { handClock } from "../support/hand-clock.ts";
import { FakeLedger, FIRST, NOW_MS, votes } from "./support.ts";

const never = new AbortController().signal;
const POLL_MS = 100;

/** Several processes on one ledger, and what lies between them. Time is the test's. */
class Deployment {
  readonly clock = handClock(NOW_MS);
  readonly processes: Process[] = [];
  leader: Process | null = null;
  isRelayUp = true;
  told = 0;

  constructor(readonly ledger = new FakeLedger()) {}

  start(ledger = this.ledger): Process {
    const process = new Process(this, ledger);
    this.processes.push(process);
    return process;
  }

  /** Each process polls where it is due, and seeks the lead now and then, as in {@link SharedTally.run}. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += POLL_MS) {
      this.clock.nowMs += POLL_MS;
      for (const process of this.processes) await process.step();
    }
  }

  /** To everybody, as whoever can write to the channel may. */
  tell(text: string): void {
    for (const { hear } of this.processes) hear(text);
  }

  turnouts(): number[] {
    return this.processes.map(({ turnout }) => turnout);
  }
}

class Process implements SnapshotRelay {
  readonly tailer: Tailer;
  readonly shared: SharedTally;
  readonly trust: boolean[] = [];
  polls = 0;
  isAlive = true;
  canReadLedger = true;
  hear: (text: string) => void = () => undefined;

  constructor(
    private readonly deployment: Deployment,
    ledger: FakeLedger,
  ) {
    const { clock } = deployment;
    const options = { pollMs: 1, retryMsMax: 8, blocksMax: 100, now: clock.now.bind(clock) };
    this.tailer = new Tailer(ledger, { ...options, log: { warn: () => undefined } as never });
    this.shared = new SharedTally(this.tailer, this, {
      clock,
      onTrust: (trusted) => this.trust.push(trusted),
    });
  }

  get turnout(): number {
    let sum = 0;
    for (const count of this.shared.tally.counts.get(FIRST)?.values() ?? []) sum += count;
    return sum;
  }

  async step(): Promise<void> {
    if (!this.isAlive) return;
    if (this.shared.isDue()) {
      this.polls++;
      const polled =
        this.canReadLedger &&
        (await this.tailer.poll(never).then(
          () => true,
          () => false,
        ));
      if (polled) this.shared.onCounted();
    }
    await this.shared.seekLead();
  }

  onMessage(hear: (text: string) => void): void {
    this.hear = hear;
  }

  tell(text: string): void {
    if (!this.deployment.isRelayUp) return;
    this.deployment.told++;
    this.deployment.tell(text);
  }

  async lead(): Promise<boolean> {
    const { deployment } = this;
    if (!deployment.isRelayUp) return false;
    if (deployment.leader !== null && deployment.leader !== this) return false;
    deployment.leader = this;
    return true;
  }

  async resign(): Promise<void> {
    if (this.deployment.leader === this) this.deployment.leader = null;
  }
}

/** A leader and a follower who believes it; 10 ballots are counted. */
async function shared() {
  const deployment = new Deployment();
  deployment.ledger.append(1, votes({ 1: 10 }));
  const [leader, follower] = [deployment.start(), deployment.start()] as const;
  await deployment.pass(1_000);
  expect(leader.shared.leads).toBe(true);
  expect(follower.shared.follows).toBe(true);
  return { deployment, leader, follower };
}

const lie = (deployment: Deployment, counts: Record<number, number>, asOfMs = deployment.clock.nowMs) =>
  snapshotText({ counts: votes(counts), asOfMs })!;

describe("one counts for all", () => {
  test("the others show what it tells at once, and ask the ledger only now and then", async () => {
    const { deployment, leader, follower } = await shared();
    const [leads, follows] = [leader.polls, follower.polls];
    for (let i = 1; i <= 100; i++) {
      deployment.ledger.append(1, votes({ 1: 1 }));
      await deployment.pass(POLL_MS);
      expect(deployment.turnouts()).toEqual([10 + i, 10 + i]);
    }
    expect(leader.polls - leads).toBe(100);
    expect(follower.polls - follows).toBe((100 * POLL_MS) / CHECK_MS);
  });

  test("one that was just started shows nothing before it has counted itself, and then follows", async () => {
    const { deployment } = await shared();
    const late = deployment.start();
    expect(late.shared.asOfMs).toBe(null);
    late.canReadLedger = false;
    await deployment.pass(1_000);
    expect(late.shared.asOfMs).toBe(null);
    late.canReadLedger = true;
    await deployment.pass(1_000);
    expect(late.turnout).toBe(10);
    expect(late.shared.follows).toBe(true);
  });

  test("the history of a follower is its own", async () => {
    const { deployment, follower } = await shared();
    const series = follower.shared.tally.turnoutSeries(FIRST, deployment.clock.nowMs);
    expect(series.turnout.at(-1)).toBe(10);
  });
});

describe("without a leader everybody counts alone", () => {
  test("it died: another one leads when its lease has passed, and nobody's figures go back", async () => {
    const { deployment, leader, follower } = await shared();
    const late = deployment.start();
    await deployment.pass(1_000);
    leader.isAlive = false;
    deployment.ledger.append(1, votes({ 1: 5 }));
    await deployment.pass(SILENCE_MS_MAX);
    expect(deployment.turnouts().slice(1)).toEqual([15, 15]);
    deployment.leader = null;
    await deployment.pass(LEASE_MS);
    expect([follower.shared.leads, late.shared.leads].filter(Boolean)).toHaveLength(1);
    expect([follower.shared.follows, late.shared.follows].filter(Boolean)).toHaveLength(1);
  });

  test("it can't read the ledger: it lets another one lead", async () => {
    const { deployment, leader, follower } = await shared();
    leader.canReadLedger = false;
    await deployment.pass(5_000);
    expect(follower.shared.leads).toBe(true);
    expect(leader.shared.follows).toBe(false);
    leader.canReadLedger = true;
    await deployment.pass(1_000);
    expect(leader.shared.follows).toBe(true);
  });

  test("a follower that can't read the ledger shows what it is told for a while, and then no more", async () => {
    const { deployment, follower } = await shared();
    follower.canReadLedger = false;
    await deployment.pass(UNCHECKED_MS_MAX - CHECK_MS - POLL_MS);
    deployment.ledger.append(1, votes({ 1: 5 }));
    await deployment.pass(POLL_MS);
    expect(follower.turnout).toBe(15);
    await deployment.pass(CHECK_MS + POLL_MS);
    deployment.ledger.append(1, votes({ 1: 5 }));
    await deployment.pass(1_000);
    expect(follower.turnout).toBe(15);
    expect(follower.shared.follows).toBe(false);
    follower.canReadLedger = true;
    await deployment.pass(1_000);
    expect(follower.turnout).toBe(20);
    expect(follower.shared.follows).toBe(true);
  });

  test("the relay is gone: all count by themselves within a moment, and share again when it is back", async () => {
    const { deployment, leader, follower } = await shared();
    deployment.isRelayUp = false;
    await deployment.pass(LEASE_MS + POLL_MS);
    deployment.ledger.append(1, votes({ 1: 7 }));
    await deployment.pass(POLL_MS);
    expect(deployment.turnouts()).toEqual([17, 17]);
    expect([leader.shared.leads, follower.shared.follows]).toEqual([false, false]);
    deployment.isRelayUp = true;
    await deployment.pass(1_000);
    expect([leader.shared.leads, follower.shared.follows]).toEqual([true, true]);
  });

  test("what was heard last is shown until the own count is newer", async () => {
    const { deployment, leader, follower } = await shared();
    deployment.ledger.append(1, votes({ 1: 5 }));
    await deployment.pass(POLL_MS);
    leader.isAlive = false;
    follower.canReadLedger = false;
    await deployment.pass(3 * SILENCE_MS_MAX);
    expect(follower.turnout).toBe(15);
    expect(follower.shared.follows).toBe(false);
  });
});

test("a count that was begun before what is shown was heard is not shown instead", async () => {
  const { deployment, leader, follower } = await shared();
  leader.isAlive = false;
  await deployment.pass(SILENCE_MS_MAX);
  // The follower's own poll is under way, with the ledger as it was, when the leader is heard again.
  deployment.ledger.before = (call) => {
    if (call !== "heads") return;
    deployment.ledger.before = () => undefined;
    deployment.clock.nowMs += 1;
    deployment.tell(lie(deployment, { 1: 15 }));
    deployment.clock.nowMs += SILENCE_MS_MAX;
  };
  await deployment.pass(POLL_MS);
  expect(follower.turnout).toBe(15);
});

describe("what is told need not be so", () => {
  test("before the ledger has confirmed anything, nothing is believed", async () => {
    const deployment = new Deployment();
    deployment.ledger.append(1, votes({ 1: 10 }));
    const process = deployment.start();
    deployment.isRelayUp = false;
    for (let i = 0; i < 30; i++) {
      deployment.tell(lie(deployment, { 1: 1_000 }));
      await deployment.pass(POLL_MS);
      expect(process.turnout).toBe(10);
    }
    expect(process.shared.follows).toBe(false);
  });

  test("votes that there are not are shown until the ledger is asked, and their teller is believed no more", async () => {
    const { deployment, follower } = await shared();
    deployment.tell(lie(deployment, { 1: 1_000 }, deployment.clock.nowMs + 1));
    expect(follower.turnout).toBe(1_000);
    await deployment.pass(CHECK_MS);
    expect(follower.turnout).toBe(10);
    expect(follower.trust.at(-1)).toBe(false);
    for (let passed = 0; passed < DISTRUST_MS - 2 * CHECK_MS; passed += POLL_MS) {
      deployment.tell(lie(deployment, { 1: 2_000 }));
      await deployment.pass(POLL_MS);
      expect(follower.turnout).toBe(10);
    }
    await deployment.pass(DISTRUST_MS);
    expect(follower.shared.follows).toBe(true);
  });

  test("another contest's votes are votes that there are not, too", async () => {
    const { deployment, follower } = await shared();
    const counts = new Map([
      ...votes({ 1: 10 }),
      ["99999999-9999-4999-8999-999999999999", new Map([[1, 1]])],
    ]);
    deployment.tell(snapshotText({ counts, asOfMs: deployment.clock.nowMs + 1 })!);
    await deployment.pass(CHECK_MS);
    expect(follower.trust.at(-1)).toBe(false);
    expect([...follower.shared.tally.counts.keys()]).toEqual([FIRST]);
  });

  test("fewer votes than are shown are not believed: figures do not go back", async () => {
    const { deployment, follower } = await shared();
    const { refused } = follower.shared;
    deployment.tell(lie(deployment, { 1: 9 }, deployment.clock.nowMs + 1));
    deployment.tell(lie(deployment, { 2: 100 }, deployment.clock.nowMs + 2));
    expect(follower.turnout).toBe(10);
    expect(follower.shared.refused - refused).toBe(2);
  });

  test.each([
    ["as of long ago", -10_000],
    ["as of the future", 10_000],
    ["as of before what was heard", -1],
  ])("one %s is not believed", async (_, aheadMs) => {
    const { deployment, follower } = await shared();
    deployment.tell(lie(deployment, { 1: 50 }, deployment.clock.nowMs + aheadMs));
    expect(follower.turnout).toBe(10);
  });

  test.each([
    ["", "nothing"],
    ["{", "no JSON"],
    ["{}", "no snapshot"],
    ['{"version":2,"asOfMs":NOW,"counts":{}}', "of another version"],
    ['{"version":1,"asOfMs":NOW,"counts":{"a":{}}}', "of no contest"],
    [`{"version":1,"asOfMs":NOW,"counts":{"${FIRST}":{"one":1}}}`, "of no option"],
    [`{"version":1,"asOfMs":NOW,"counts":{"${FIRST}":{"1":-1}}}`, "less than none"],
    [`{"version":1,"asOfMs":NOW,"counts":{"${FIRST}":{"1":1e300}}}`, "more than any"],
    [`{"version":1,"asOfMs":NOW,"counts":{"${FIRST}":{"1":10.5}}}`, "half a vote"],
  ])("%p, %s, is refused", async (text) => {
    const { deployment, follower } = await shared();
    const { refused } = follower.shared;
    deployment.tell(text.replace("NOW", String(deployment.clock.nowMs + 1)));
    expect(follower.shared.refused - refused).toBe(1);
    expect(follower.turnout).toBe(10);
  });

  test("a ledger that went back is believed, and those who tell of more are not", async () => {
    const { deployment, follower } = await shared();
    deployment.ledger.rollBack(1, 1);
    await deployment.pass(CHECK_MS);
    expect(follower.turnout).toBe(0);
  });

  test("two leaders tell of one ledger, and do no harm", async () => {
    const deployment = new Deployment();
    const leaders = [deployment.start(), deployment.start()];
    for (const leader of leaders) leader.lead = async () => true;
    await deployment.pass(POLL_MS);
    expect(leaders.map(({ shared }) => shared.leads)).toEqual([true, true]);
    const follower = deployment.start();
    follower.lead = async () => false;
    await deployment.pass(1_000);
    for (let i = 1; i <= 100; i++) {
      deployment.ledger.append(1, votes({ 1: 1 }));
      await deployment.pass(POLL_MS);
      expect(follower.turnout).toBe(i);
      expect(follower.shared.follows).toBe(true);
    }
  });
});
