/** What viewers see, on real sockets. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import type { Contest } from "../../src/election/contest.ts";
import { RunningTally } from "../../src/results/running-tally.ts";
import { eventually } from "../support/eventually.ts";
import { Stage } from "./stage.ts";
import { contestOf, FIRST, NOW_MS, votes } from "./support.ts";

let stage: Stage;

beforeEach(() => {
  stage = new Stage();
});

afterEach(() => stage[Symbol.asyncDispose]());

test("a stream begins with the history and a whole snapshot", async () => {
  stage.vote({ 1: 3, 0: 1 });
  stage.clock.nowMs += 1_000;
  const watcher = stage.watch();
  const history = await watcher.next();
  expect(history.event).toBe("history");
  expect(history.data).toMatchObject({ intervalMs: 1_000, endsAt: "2026-03-01T20:00:01.000Z" });
  expect((history.data.turnout as number[]).slice(-2)).toEqual([0, 4]);
  const snapshot = await watcher.next();
  expect(snapshot).toMatchObject({
    event: "results",
    data: { contest: FIRST, state: "open", turnout: 4, ballots: 4, blank: 1, final: false },
  });
  expect(snapshot.id).toMatch(/^[\w-]{16}$/);
  expect(watcher.headers).toMatch(/^content-type: text\/event-stream$/im);
  expect(watcher.headers).toMatch(/^cache-control: no-store$/im);
  expect(watcher.retry).toBeWithin(1_000, 4_000);
});

test("later events are whole snapshots, at most one an interval, and only of something new", async () => {
  const watcher = await stage.watching();
  stage.vote({ 2: 1 });
  await stage.tickAfter(500);
  stage.vote({ 2: 1 });
  await stage.tickAfter(499);
  stage.vote({ 2: 1 });
  await stage.tickAfter(1);
  await stage.tickAfter(500);
  await stage.tickAfter(500);
  stage.vote({ 3: 1 });
  await stage.tickAfter(50);
  const turnouts = [];
  for (let i = 0; i < 3; i++) turnouts.push((await watcher.next()).data.turnout);
  expect(turnouts).toEqual([1, 3, 4]);
  expect(watcher.left).toBeEmpty();
});

test("what is sent is the same for every viewer, and what a request for results answers", async () => {
  const [one, other] = [await stage.watching(), await stage.watching()];
  stage.vote({ 1: 2 });
  await stage.tickAfter(500);
  const [seen, seenByOther] = [await one.next(), await other.next()];
  const answer = await fetch(`${stage.server.url}/v1/contests/mayor/results`);
  expect(seen.data).toEqual(await answer.json());
  expect(seenByOther).toEqual(seen);
});

test("who comes back with the version that is still shown gets no second snapshot", async () => {
  stage.vote({ 1: 2 });
  const first = stage.watch();
  await first.next();
  const { id } = await first.next();
  stage.clock.nowMs += 5_000; // another as-of is not another version
  const back = await stage.watching({ "last-event-id": id! }, 1);
  stage.vote({ 1: 1 });
  await stage.tickAfter(500);
  expect(await back.next()).toMatchObject({ event: "results", data: { turnout: 3 } });
});

test("who comes back with an older version gets the whole snapshot", async () => {
  const first = stage.watch();
  await first.next();
  const { id } = await first.next();
  stage.vote({ 1: 2 });
  await stage.tickAfter(500);
  const back = stage.watch({ "last-event-id": id! });
  await back.next();
  expect(await back.next()).toMatchObject({ event: "results", data: { turnout: 2 } });
});

test("viewers see the contest paused, extended into closing, void and final", async () => {
  const watcher = await stage.watching();
  const shown = async (changes: Partial<Contest>) => {
    stage.contest = { ...stage.contest, ...changes };
    await stage.tickAfter(500);
    return (await watcher.next()).data;
  };
  expect(await shown({ paused: true })).toMatchObject({ paused: true });
  expect(await shown({ closesAtMs: stage.clock.nowMs + 400 })).toMatchObject({ state: "closing" });
  const reason = "two options were swapped";
  expect(await shown({ voided: { atMs: stage.clock.nowMs, reason } })).toMatchObject({ void: { reason } });
  const finalTally = votes({ 1: 9 }).get(FIRST)!;
  const atMs = stage.clock.nowMs;
  expect(await shown({ sealedAtMs: atMs, finalAtMs: atMs, finalTally })).toMatchObject({
    state: "final",
    final: true,
    ballots: 9,
  });
});

test("a contest opens by its own time, without anybody touching it", async () => {
  stage.contest = contestOf({ opensAtMs: NOW_MS + 900 });
  const watcher = await stage.watching();
  await stage.tickAfter(500);
  await stage.tickAfter(500);
  expect(await watcher.next()).toMatchObject({ data: { state: "open" } });
});

test("a clock that is set back holds nothing up: only what is shown goes by it", async () => {
  const watcher = await stage.watching();
  const atMs = NOW_MS - 3_600_000;
  stage.clock.now = () => atMs;
  stage.isKnown = false;
  stage.vote({ 1: 1 });
  await stage.tickAfter(500);
  expect(await watcher.next()).toMatchObject({ data: { turnout: 1 } });
  await stage.tickAfter(1_000);
  expect(stage.asked).toBe(2);
  await stage.tickAfter(14_000);
  await watcher.until(() => watcher.comments === 1);
});

test("a contest that the look-up has lost is asked for, and shown as it was meanwhile", async () => {
  const watcher = await stage.watching();
  stage.isKnown = false;
  stage.vote({ 1: 1 });
  for (let i = 0; i < 20; i++) await stage.tickAfter(50);
  expect(await watcher.next()).toMatchObject({ data: { state: "open", turnout: 1 } });
  expect(stage.asked).toBe(1);
});

test("after a rebuild viewers see the figures as they are, also when they went down", async () => {
  stage.vote({ 1: 5 });
  const watcher = await stage.watching();
  stage.figures.tally = new RunningTally();
  stage.vote({ 1: 4 });
  await stage.tickAfter(500);
  expect(await watcher.next()).toMatchObject({ data: { turnout: 4 } });
});

test("hidden choices are in no event, whatever happens, until the contest is final", async () => {
  stage.contest = contestOf({ resultsVisible: "final" });
  stage.vote({ 1: 11, 2: 22, 0: 33 });
  const watcher = await stage.watching();
  const changes: Partial<Contest>[] = [
    { paused: true },
    { paused: false },
    { voided: { atMs: NOW_MS, reason: "for a while" } },
    { voided: null },
    { closesAtMs: NOW_MS + 1 },
    { sealedAtMs: NOW_MS + 2 },
  ];
  const versions = new Set<string>();
  for (const change of changes) {
    stage.contest = { ...stage.contest, ...change };
    stage.vote({ 1: 1, 2: 2 });
    await stage.tickAfter(500);
    const { id, data } = await watcher.next();
    versions.add(id!);
    expect(Object.keys(data).sort()).toEqual(
      ["asOf", "contest", "final", "paused", "state", "turnout", "void"].sort(),
    );
  }
  expect(versions.size).toBe(changes.length);
  const beforeFinal = watcher.body;
  expect(beforeFinal).not.toMatch(/counts|blank|ballots|votes|option/);
  stage.contest = {
    ...stage.contest,
    finalAtMs: NOW_MS + 3,
    finalTally: votes({ 1: 17, 2: 34 }).get(FIRST)!,
  };
  await stage.tickAfter(500);
  expect(await watcher.next()).toMatchObject({ data: { ballots: 51 } });
});

test("while choices are hidden, a version says nothing of them", async () => {
  stage.contest = contestOf({ resultsVisible: "final" });
  stage.vote({ 1: 2 });
  const idOf = async () => {
    const watcher = stage.watch();
    await watcher.next();
    const { id } = await watcher.next();
    await watcher[Symbol.asyncDispose]();
    await eventually("the viewer is forgotten", () => stage.feed.viewers === 0);
    return id;
  };
  const id = await idOf();
  stage.figures.tally = new RunningTally();
  stage.vote({ 2: 2 });
  expect(await idOf()).toBe(id);
});
