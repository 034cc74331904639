/** What the gate monitor says while nodes answer, fall silent and are promoted, and whom it tells; in virtual time. */
import { afterEach, expect, test } from "bun:test";
import type { DurabilityCheck, NodeFacts } from "../../src/recording/durability.ts";
import { GateMonitor } from "../../src/recording/gate-monitor.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const CONFIRMED: DurabilityCheck = { check: "a standby confirms a commit", ok: true, found: "", mend: "" };
const UNCONFIRMED = { ...CONFIRMED, ok: false };
const COMMON = {
  version: 180_004,
  platform: "linux" as const,
  settings: {
    fsync: "on",
    full_page_writes: "on",
    synchronous_commit: "on",
    synchronous_standby_names: "ANY 1 (a, b, c)",
    wal_sync_method: "fdatasync",
    data_checksums: "on",
  },
  systemIdentifier: "1",
  seesStandbys: true,
};

function primary(host: string, timeline: number, ...names: string[]): NodeFacts {
  const standby = { address: "", slot: null, isSynchronous: true, confirms: true };
  const standbys = names.map((name) => ({ ...standby, name }));
  return { ...COMMON, host, isPrimary: true, timeline, standbys, follows: null };
}

function standby(host: string): NodeFacts {
  const follows = { name: host, slot: null };
  return { ...COMMON, host, isPrimary: false, timeline: null, standbys: [], follows };
}

const POLL_MS = 1_000;
const HURRIED_POLL_MS = 250;
const AGE_MS_MAX = 5_000;
const ANSWER_MS = 5;
/** What asking who is silent takes. */
const TIMEOUT_MS = 2_000;

const ending: (() => void)[] = [];
afterEach(() => {
  for (const end of ending.splice(0)) end();
});

/** Three nodes, and a monitor that asks them. */
class Watched {
  readonly clock = new VirtualClock();
  readonly nodes = new Map([primary("a", 1, "b", "c"), standby("b"), standby("c")].map((n) => [n.host, n]));
  /** How long each takes to answer; who takes longer than may be is not heard. */
  readonly answerMs = new Map<string, number>();
  readonly told: string[][] = [];
  asked = 0;
  primary = "";
  confirm: () => Promise<DurabilityCheck> = () => this.commit();
  readonly monitor = new GateMonitor(
    ["a", "b", "c"].map((host) => ({ host, ask: () => this.answer(host) })),
    () => this.confirm(),
    {
      pollMs: POLL_MS,
      hurriedPollMs: HURRIED_POLL_MS,
      ageMsMax: AGE_MS_MAX,
      clock: this.clock,
      onChange: (faults) => this.told.push(faults.map(({ found }) => found)),
      onPrimary: (host) => {
        this.primary = host;
        this.cut.abort();
        this.cut = new AbortController();
      },
    },
  );
  private cut = new AbortController();
  private readonly end = new AbortController();

  /** At work, and open; its last question was put an instant ago. */
  static opened(): Watched {
    const watched = new Watched();
    void watched.monitor.check().then(() => watched.monitor.run(watched.end.signal));
    ending.push(() => watched.end.abort());
    watched.clock.run(() => watched.isOpen);
    return watched;
  }

  get isOpen(): boolean {
    return this.monitor.faults.length === 0;
  }

  get found(): string[] {
    return this.monitor.faults.map(({ found }) => found);
  }

  falls(host: string): void {
    this.answerMs.set(host, Number.POSITIVE_INFINITY);
  }

  /** b takes the place of a, and c follows it. */
  promotes(): void {
    this.nodes.set("b", primary("b", 2, "c"));
  }

  passes(ms: number): void {
    const untilMs = this.clock.steadyMs() + ms;
    this.clock.after(ms, () => undefined);
    this.clock.run(() => this.clock.steadyMs() >= untilMs);
  }

  /** Looking at every instant at which something happens. */
  until(happened: () => boolean): void {
    const endMs = this.clock.steadyMs() + 60_000;
    this.clock.run(() => happened() || this.clock.steadyMs() > endMs);
    expect(happened()).toBe(true);
  }

  /** At no instant of a minute. */
  expectNeverOpen(): void {
    const endMs = this.clock.steadyMs() + 60_000;
    this.clock.run(() => this.isOpen || this.clock.steadyMs() > endMs);
    expect(this.isOpen).toBe(false);
  }

  private async answer(host: string): Promise<NodeFacts> {
    if (host === "b") this.asked++;
    const ms = this.answerMs.get(host) ?? ANSWER_MS;
    await this.clock.pause(Math.min(ms, TIMEOUT_MS));
    const node = this.nodes.get(host);
    if (ms > TIMEOUT_MS || node === undefined) throw new Error("no answer");
    return node;
  }

  /** As the gate's own commit: on one primary, until it is known to be another. */
  private async commit(): Promise<DurabilityCheck> {
    const host = this.primary || "a";
    const ms = this.answerMs.get(host) ?? ANSWER_MS;
    await this.clock.pause(Math.min(ms, TIMEOUT_MS), this.cut.signal);
    const isConfirmed = ms <= TIMEOUT_MS && this.nodes.has(host) && host === (this.primary || "a");
    return isConfirmed ? CONFIRMED : UNCONFIRMED;
  }
}

test("it is shut until all was asked once", () => {
  const { monitor, clock } = new Watched();
  expect(monitor.faults).toHaveLength(1);
  clock.settle(monitor.check());
  expect(monitor.faults).toEqual([]);
});

test("answers that are too old shut it, tell so, and count again when questions are answered", () => {
  const watched = Watched.opened();
  let release: (check: DurabilityCheck) => void = () => undefined;
  watched.confirm = () => new Promise((resolve) => (release = resolve));
  const askedAtMs = watched.clock.steadyMs() - watched.monitor.ageMs;
  watched.passes(askedAtMs + AGE_MS_MAX - watched.clock.steadyMs());
  expect(watched.found).toEqual([]);
  watched.passes(1);
  expect(watched.found).toEqual(["not checked for too long"]);
  watched.passes(HURRIED_POLL_MS);
  release(CONFIRMED);
  watched.passes(ANSWER_MS);
  expect(watched.isOpen).toBe(true);
  expect(watched.told).toEqual([[], ["not checked for too long"], []]);
});

test("what was found wrong stays the reason however old it gets, and is told once", () => {
  const watched = Watched.opened();
  watched.nodes.set("a", standby("a"));
  watched.passes(POLL_MS + HURRIED_POLL_MS);
  expect(watched.monitor.faults).toMatchObject([{ check: "one primary" }]);
  for (const host of ["a", "b", "c"]) watched.falls(host);
  watched.confirm = () => new Promise(() => undefined);
  watched.passes(2 * AGE_MS_MAX);
  expect(watched.monitor.faults).toMatchObject([{ check: "one primary" }]);
  expect(watched.told).toHaveLength(2);
});

test("a commit that no standby confirms shuts it", () => {
  const watched = Watched.opened();
  watched.confirm = async () => UNCONFIRMED;
  watched.passes(POLL_MS + HURRIED_POLL_MS);
  expect(watched.monitor.faults).toEqual([UNCONFIRMED]);
});

test("what is wrong is told once, however often and in whatever words it is found", () => {
  const watched = Watched.opened();
  const settings = () => ({ ...COMMON.settings, fsync: `off ${watched.asked}` });
  watched.passes(POLL_MS - HURRIED_POLL_MS);
  for (let round = 0; round < 10; round++) {
    watched.nodes.set("a", { ...primary("a", 1, "b", "c"), settings: settings() });
    watched.passes(HURRIED_POLL_MS);
  }
  expect(watched.told).toEqual([[], [expect.stringContaining("off")]]);
});

test("who is well is asked each second; while it is shut, four times as often", () => {
  const watched = Watched.opened();
  watched.passes(HURRIED_POLL_MS / 2);
  const askedIn = (ms: number) => {
    const before = watched.asked;
    watched.passes(ms);
    return watched.asked - before;
  };
  expect(askedIn(10 * POLL_MS)).toBe(10);
  // One that is silent for long hurries nobody: the other standby is enough.
  watched.nodes.set("a", primary("a", 1, "b"));
  watched.falls("c");
  watched.passes(POLL_MS + TIMEOUT_MS + POLL_MS);
  expect(watched.isOpen).toBe(true);
  expect(askedIn(10 * POLL_MS)).toBe(10);
  watched.confirm = async () => UNCONFIRMED;
  watched.passes(POLL_MS);
  expect(askedIn(10 * POLL_MS)).toBe(40);
});

test("a standby that is silent shuts it while the primary counts on it", () => {
  const watched = Watched.opened();
  watched.falls("c");
  watched.passes(POLL_MS + TIMEOUT_MS + HURRIED_POLL_MS);
  expect(watched.monitor.faults).toMatchObject([
    { check: "standby c asked", mend: expect.stringContaining("no answer") },
  ]);
});

test.each(["falls silent", "dies"])(
  "a primary %s and a standby is promoted: it is open within two seconds of that",
  (how) => {
    // However both fall between the questions.
    for (let lostAtMs = 0; lostAtMs < POLL_MS; lostAtMs += 20) {
      for (const failoverMs of [100, 400, 700, 1_500, 3_000, 30_000]) {
        const watched = Watched.opened();
        watched.passes(lostAtMs);
        if (how === "dies") watched.nodes.delete("a");
        else watched.falls("a");
        watched.passes(failoverMs);
        watched.promotes();
        const promotedAtMs = watched.clock.steadyMs();
        watched.until(() => watched.primary === "b" && watched.isOpen);
        expect(watched.clock.steadyMs() - promotedAtMs).toBeLessThan(2_000);
      }
    }
  },
);

/** Open, b was promoted a moment ago, and that was just heard. */
function promoted(prepare: (watched: Watched) => void): Watched {
  const watched = Watched.opened();
  watched.passes(POLL_MS / 2);
  prepare(watched);
  watched.promotes();
  watched.until(() => watched.primary === "b");
  expect(watched.isOpen).toBe(false);
  return watched;
}

test("after a promotion it is not open before the old primary had the time to answer: then there are two", () => {
  const watched = promoted(() => undefined);
  watched.answerMs.set("a", 100);
  watched.expectNeverOpen();
  expect(watched.found).toEqual(["a, b"]);
});

test("an old primary that is slow to answer is heard all the same, and is not forgotten again", () => {
  const watched = promoted(({ answerMs }) => answerMs.set("a", 2 * HURRIED_POLL_MS));
  watched.until(() => watched.found.includes("a, b"));
  watched.expectNeverOpen();
});

test("a commit that was confirmed before a promotion says nothing of the new primary", () => {
  const watched = promoted((each) => {
    each.falls("a");
    each.confirm = () => new Promise(() => undefined);
  });
  watched.expectNeverOpen();
});

test("who was asked before a promotion is asked again", () => {
  const watched = promoted((each) => {
    each.nodes.delete("a");
    each.answerMs.set("c", 1_500);
  });
  watched.nodes.set("c", { ...standby("c"), settings: { ...COMMON.settings, fsync: "off" } });
  watched.expectNeverOpen();
});

test("a primary that a promotion has replaced is not gone back to, though it alone answers", () => {
  const watched = promoted(({ nodes }) => nodes.delete("a"));
  watched.until(() => watched.isOpen);
  watched.nodes.delete("b");
  watched.nodes.set("a", primary("a", 1, "c"));
  watched.until(() => watched.found.includes("a, which another primary has replaced"));
  watched.expectNeverOpen();
  expect(watched.primary).toBe("b");
});

test("after there were two primaries, the one that is left is attached to anew", () => {
  const watched = promoted(({ nodes }) => nodes.delete("a"));
  watched.until(() => watched.isOpen);
  watched.nodes.set("a", primary("a", 1, "c"));
  watched.until(() => watched.found.includes("a, b"));
  watched.primary = "";
  watched.nodes.delete("a");
  watched.until(() => watched.isOpen);
  expect(watched.primary).toBe("b");
});

test("a primary whose timeline is not newer promotes nothing: both are there until one can't be reached", () => {
  const watched = Watched.opened();
  watched.nodes.set("b", primary("b", 1, "c"));
  watched.falls("a");
  watched.until(() => !watched.isOpen);
  expect(watched.found).toEqual(["a, b"]);
  expect(watched.primary).toBe("a");
});
