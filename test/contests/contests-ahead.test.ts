/** Gateways that know contests ahead of their voters, and share what one of them read, in virtual time. */
import { afterEach, expect, test } from "bun:test";
import { tokenKey } from "../../src/admission/secrets.ts";
import { signText } from "../../src/admission/signed-text.ts";
import { ContestsAhead } from "../../src/contests/contests-ahead.ts";
import { ContestDirectory } from "../../src/contests/directory.ts";
import { parseSharedContests, sharedContestsText } from "../../src/contests/shared-contests.ts";
import { type Contest, UNCHANGED } from "../../src/election/contest.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const POLL_MS = 500;
const BELIEVED_MS = 15_000;
const CLOCKS_DIFFER_MS = 1_000;
const KEYS = [tokenKey(Buffer.alloc(32, 1))];
const OTHER_KEYS = [tokenKey(Buffer.alloc(32, 2))];

const directories: ContestDirectory[] = [];
afterEach(async () => {
  for (const directory of directories.splice(0)) await directory[Symbol.asyncDispose]();
});

function contestOf(changes: Partial<Contest> = {}): Contest {
  return {
    ...UNCHANGED,
    ...{ ledgerId: 1, id: "final", uuid: "uuid-of-it", electionUuid: "e", electionId: "show", title: "Who?" },
    ...{ method: "single-choice", options: [{ number: 1, title: "A" }], allowBlank: false },
    ...{ resultsVisible: "live", allowedOrigins: [], opensAtMs: 1, closesAtMs: null },
    buffering: { partitions: 2, ledgers: [0], topicId: "t" },
    ...changes,
  };
}

/** A home ledger, what gateways share, and gateways of it. */
class Deployment {
  readonly clock = new VirtualClock();
  contests: Contest[] | Error = [contestOf()];
  reads = 0;
  text: string | null = null;

  gateway({ shares = true, isClockRight = true, isGateOpen = true, aheadMs = 0, frozenMs = 0 } = {}) {
    const { clock } = this;
    const own = {
      now: () => {
        const now = clock.now() + aheadMs;
        // As whoever is frozen right after it asked.
        if (frozenMs > 0) clock.settle(clock.pause(frozenMs));
        return now;
      },
      steadyMs: () => clock.steadyMs(),
      pause: (ms: number, end?: AbortSignal) => clock.pause(ms, end),
      nextTurn: () => clock.nextTurn(),
    };
    const lifetimes = { lifetimeMs: 1_000, bufferedLifetimeMs: BELIEVED_MS };
    const directory = new ContestDirectory(
      { findContests: async () => [] },
      { ...lifetimes, refreshMs: 3_600_000, contestsMax: 100, clock: own, onError: () => undefined },
    );
    directories.push(directory);
    const shared = {
      read: async () => this.text,
      write: (text: string) => {
        this.text = text;
      },
    };
    const contestsAhead = async () => {
      this.reads++;
      if (this.contests instanceof Error) throw this.contests;
      return this.contests;
    };
    const ahead = new ContestsAhead(
      {
        ...{ store: { contestsAhead }, directory, tokenKeys: KEYS },
        ...{ isClockRight: () => isClockRight, isGateOpen: () => isGateOpen },
        shared: shares ? shared : null,
      },
      {
        ...{ pollMs: POLL_MS, believedMs: BELIEVED_MS, clocksDifferMsMax: CLOCKS_DIFFER_MS, clock: own },
        onError: () => undefined,
      },
    );
    return { ahead, known: () => directory.get("final"), last: () => directory.lastKnown("final") };
  }

  async pass(ms: number): Promise<void> {
    this.clock.settle(this.clock.pause(ms));
  }
}

test("a contest that nobody asked for is known while the ledger does not answer, for as long as any other", async () => {
  const deployment = new Deployment();
  const { ahead, known } = deployment.gateway({ shares: false });
  await ahead.poll();
  deployment.contests = new Error("no primary");
  await deployment.pass(BELIEVED_MS);
  await expect(ahead.poll()).rejects.toThrow("no primary");
  expect(known()?.id).toBe("final");
  await deployment.pass(1);
  expect(known()).toBeUndefined();
});

test("it is asked again and again, also after the ledger did not answer, until the signal", async () => {
  const deployment = new Deployment();
  deployment.contests = new Error("no primary");
  const { ahead, known } = deployment.gateway({ shares: false });
  const end = new AbortController();
  const running = ahead.run(end.signal);
  await deployment.pass(3 * POLL_MS);
  expect(known()).toBeUndefined();
  deployment.contests = [contestOf()];
  await deployment.pass(POLL_MS);
  expect(known()?.id).toBe("final");
  end.abort();
  await running;
  expect(deployment.reads).toBe(4);
});

test("gateways read the ledger once a poll between them, and know what one of them read", async () => {
  const deployment = new Deployment();
  const gateways = [deployment.gateway(), deployment.gateway(), deployment.gateway()];
  for (let poll = 1; poll <= 5; poll++) {
    for (const { ahead, known } of gateways) {
      await ahead.poll();
      expect(known()).toEqual(contestOf());
    }
    expect(deployment.reads).toBe(poll);
    await deployment.pass(POLL_MS);
  }
});

test("what is shared is believed no longer than the ledger's own answer, whatever clocks differ by", async () => {
  const deployment = new Deployment();
  await deployment.gateway().ahead.poll();
  deployment.contests = new Error("no primary");
  await deployment.pass(10_000);
  // Two clocks that are each right make it seem as young as it can.
  const late = deployment.gateway({ aheadMs: -CLOCKS_DIFFER_MS });
  await expect(late.ahead.poll()).rejects.toThrow("no primary");
  expect(late.known()?.id).toBe("final");
  await deployment.pass(5_000);
  expect(late.known()?.id).toBe("final");
  await deployment.pass(1);
  expect(late.known()).toBeUndefined();
});

test("what is shared does not replace what was read since", async () => {
  const deployment = new Deployment();
  const [one, other] = [deployment.gateway(), deployment.gateway()];
  await one.ahead.poll();
  const old = deployment.text;
  await deployment.pass(2 * POLL_MS);
  deployment.contests = [contestOf({ closesAtMs: 7 })];
  await other.ahead.poll();
  deployment.text = old;
  deployment.contests = new Error("no primary");
  await other.ahead.poll().catch(() => undefined);
  expect(other.known()?.closesAtMs).toBe(7);
});

test("what is as of the future, or too old to be believed, is not even remembered", async () => {
  const deployment = new Deployment();
  await deployment.gateway({ aheadMs: CLOCKS_DIFFER_MS + 1 }).ahead.poll();
  deployment.contests = new Error("no primary");
  const early = deployment.gateway();
  await early.ahead.poll().catch(() => undefined);
  expect(early.last()).toBeUndefined();
  await deployment.pass(BELIEVED_MS + CLOCKS_DIFFER_MS + 2);
  await early.ahead.poll().catch(() => undefined);
  expect(early.last()).toBeUndefined();
});

test("a gateway whose clock is wrong shares nothing, and believes nothing that is shared", async () => {
  const deployment = new Deployment();
  const wrong = deployment.gateway({ isClockRight: false });
  await wrong.ahead.poll();
  expect(wrong.known()?.id).toBe("final");
  expect(deployment.text).toBeNull();
  await deployment.gateway().ahead.poll();
  deployment.contests = new Error("no primary");
  const another = deployment.gateway({ isClockRight: false });
  await another.ahead.poll().catch(() => undefined);
  expect(another.last()).toBeUndefined();
});

test("what is read while the gate is shut is shared with nobody: the primary may have been replaced", async () => {
  const deployment = new Deployment();
  const cutOff = deployment.gateway({ isGateOpen: false });
  await cutOff.ahead.poll();
  expect(cutOff.known()?.id).toBe("final");
  expect(deployment.text).toBeNull();
});

test("a gateway that is frozen while it looks takes what is shared for older, and not for younger", async () => {
  const deployment = new Deployment();
  await deployment.gateway().ahead.poll();
  deployment.contests = new Error("no primary");
  const frozen = deployment.gateway({ frozenMs: BELIEVED_MS });
  await frozen.ahead.poll().catch(() => undefined);
  expect(frozen.known()).toBeUndefined();
});

test("what no gateway of the deployment signed is not believed, and the ledger is asked", async () => {
  const deployment = new Deployment();
  const shared = { contests: [contestOf({ title: "a lie" })], readAtMs: deployment.clock.now() };
  const honest = sharedContestsText({ ...shared, contests: [contestOf()] }, KEYS);
  const lies = [
    ...["", "{}", honest.slice(1), honest.replace("Who?", "a lie"), JSON.stringify(shared)],
    ...[sharedContestsText(shared, OTHER_KEYS), signText(KEYS[0]!, "contests", "no JSON")],
  ];
  for (const lie of lies) {
    deployment.text = lie;
    const { ahead, known } = deployment.gateway();
    const { reads } = deployment;
    await ahead.poll();
    expect([known()?.title, deployment.reads]).toEqual(["Who?", reads + 1]);
  }
});

test("while keys change, what any of them signed is believed", () => {
  const shared = { contests: [contestOf()], readAtMs: 1 };
  const both = [...OTHER_KEYS, ...KEYS];
  expect(parseSharedContests(sharedContestsText(shared, KEYS), both)).toEqual(shared);
  expect(parseSharedContests(sharedContestsText(shared, both), KEYS)).toBeNull();
});

test("contests of another release, with other fields, are not understood", () => {
  const of = (changes: object) => ({ contests: [{ ...contestOf(), ...changes } as Contest], readAtMs: 1 });
  expect(parseSharedContests(sharedContestsText(of({}), KEYS), KEYS)).not.toBeNull();
  for (const changes of [{ another: 1 }, { title: undefined }, { options: "A" }]) {
    expect(parseSharedContests(sharedContestsText(of(changes), KEYS), KEYS)).toBeNull();
  }
});
