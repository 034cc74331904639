/** The casting client: saved before the first attempt, the same ballot at every attempt, continued after a reload. */
import { describe, expect, test } from "bun:test";
import type { Answer, Fate } from "../../src/web/answer.ts";
import type { Ballot, SavedCasting } from "../../src/web/casting.ts";
import { CastingClient, type CastingEffects } from "../../src/web/casting-client.ts";

type Storage = { saved: SavedCasting | null };

/** A browser whose gateway gives the next answer of a list, and never one more; its timers run at once. */
function browser(storage: Storage, answers: Answer[], keeps = true, fates: Fate[] = []) {
  const log: string[] = [];
  const posted: Ballot[] = [];
  let nonces = 0;
  let settled: () => void = () => {};
  const quiet = new Promise<void>((resolve) => {
    settled = resolve;
  });
  const effects: CastingEffects = {
    save(saved) {
      log.push(`save ${saved?.status ?? "nothing"}`);
      if (keeps) storage.saved = structuredClone(saved);
      return keeps;
    },
    load: () => structuredClone(storage.saved),
    post(ballot) {
      log.push("post");
      posted.push(structuredClone(ballot));
      const answer = answers.shift();
      if (answer !== undefined) return Promise.resolve(answer);
      settled();
      return new Promise(() => {});
    },
    verify() {
      log.push("verify");
      const fate = fates.shift();
      if (fate !== undefined) return Promise.resolve(fate);
      settled();
      return new Promise(() => {});
    },
    later: (_delayMs, run) => queueMicrotask(run),
    drawNonce: () => `nonce ${++nonces}`,
    nowMs: () => 0,
    random: () => 0,
  };
  const client: CastingClient = new CastingClient(effects, () => {
    if (["recorded", "already_voted", "refused", "rejected"].includes(client.state.phase)) settled();
  });
  return { client, log, posted, quiet };
}

const UNKNOWN: Answer = { kind: "unknown", retryAfterMs: 0 };
const OVERLOADED: Answer = { kind: "not_recorded", cause: "overloaded", retryAfterMs: 0 };

function recorded(ballot: Ballot): Answer {
  const place = { stream: 1, seq: 1, index: 0, recordedAt: "2026-01-01T00:00:00.000Z" };
  return { kind: "recorded", receipt: { contest: "c", leaf: "l", ...ballot, ...place } };
}

test("the ballot is saved with its nonce before the first attempt", () => {
  const storage: Storage = { saved: null };
  const { client, log } = browser(storage, []);
  client.cast([2]);
  expect(log).toEqual(["save pending", "post"]);
  expect(storage.saved).toMatchObject({ ballot: { nonce: "nonce 1", selections: [2] } });
});

test("every attempt sends the same nonce and selections", async () => {
  const { client, posted, quiet } = browser({ saved: null }, [UNKNOWN, OVERLOADED, UNKNOWN, OVERLOADED]);
  client.cast([3]);
  await quiet;
  expect(posted).toEqual(Array(5).fill({ nonce: "nonce 1", selections: [3] }));
});

describe("a page that is opened again", () => {
  test("continues with the ballot that the last one was sending, and says that it does not know", async () => {
    const storage: Storage = { saved: null };
    browser(storage, []).client.cast([2]);
    const reopened = browser(storage, []);
    expect(reopened.client.resume()).toBe(true);
    expect(reopened.posted).toEqual([{ nonce: "nonce 1", selections: [2] }]);
    expect(reopened.client.state).toMatchObject({ phase: "sending", unknownAtMs: 0 });
  });

  test("shows the receipt and sends nothing once the ballot is recorded", async () => {
    const storage: Storage = { saved: null };
    const first = browser(storage, [recorded({ nonce: "nonce 1", selections: [1] })]);
    first.client.cast([1]);
    await first.quiet;
    const reopened = browser(storage, []);
    reopened.client.resume();
    expect(reopened.client.state).toMatchObject({ phase: "recorded", receipt: { nonce: "nonce 1" } });
    expect(reopened.posted).toEqual([]);
  });

  test("has nothing to continue after a refusal", async () => {
    const storage: Storage = { saved: null };
    const first = browser(storage, [{ kind: "refused", refusal: { code: "invalid_ballot" } }]);
    first.client.cast([1]);
    await first.quiet;
    expect(browser(storage, []).client.resume()).toBe(false);
  });
});

describe("an accepted ballot", () => {
  const pending: Fate = { fate: "pending", retryAfterMs: 0 };
  const receipt = { contest: "c", leaf: "l", nonce: "nonce 1", selections: [2] };
  const accepted: Answer = {
    kind: "accepted",
    receipt: { ...receipt, partition: 1, offset: 7, acceptedAt: "2026-01-01T00:00:00.000Z" },
  };
  const place = { stream: 1, seq: 1, index: 0, recordedAt: "2026-01-01T00:00:01.000Z" };
  const fate: Fate = { fate: "recorded", receipt: { ...receipt, ...place } };

  test("is saved, asked after until it is recorded, and then no more", async () => {
    const storage: Storage = { saved: null };
    const { client, log, quiet } = browser(storage, [accepted], true, [pending, pending, fate]);
    client.cast([2]);
    await quiet;
    const asked = ["verify", "save accepted", "verify", "save accepted", "verify", "save recorded"];
    expect(log).toEqual(["save pending", "post", "save accepted", ...asked]);
    expect(client.state).toMatchObject({ phase: "recorded", receipt: place });
  });

  test("is asked after by a page that is opened again, which sends nothing", async () => {
    const storage: Storage = { saved: null };
    const first = browser(storage, [accepted]);
    first.client.cast([2]);
    await first.quiet;
    const reopened = browser(storage, [], true, [fate]);
    expect(reopened.client.resume()).toBe(true);
    await reopened.quiet;
    expect(reopened.posted).toEqual([]);
    expect(reopened.client.state).toMatchObject({ phase: "recorded", receipt: place });
  });
});

test("a second tab casts the ballot that the first one saved, not another", () => {
  const storage: Storage = { saved: null };
  const second = browser(storage, []);
  browser(storage, []).client.cast([1]);
  second.client.cast([2]);
  expect(second.posted).toEqual([{ nonce: "nonce 1", selections: [1] }]);
});

test("a browser that keeps nothing still casts, and the client says so", () => {
  const { client, posted } = browser({ saved: null }, [], false);
  client.cast([2]);
  expect(posted).toHaveLength(1);
  expect(client.kept).toBe(false);
});
