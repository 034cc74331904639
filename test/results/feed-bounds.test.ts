/** The feed's bounds: how many watch, how slow they may be, how it begins and ends. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { Stage } from "./stage.ts";
import { contestOf, FIRST, NOW_MS, votes } from "./support.ts";

let stage: Stage;

beforeEach(() => {
  stage = new Stage();
});

afterEach(() => stage[Symbol.asyncDispose]());

test("when nothing happens, a comment shows that the stream is alive", async () => {
  const watcher = await stage.watching();
  await stage.tickAfter(14_999);
  await stage.tickAfter(1);
  await watcher.until(() => watcher.comments === 1);
  await stage.tickAfter(15_000);
  await watcher.until(() => watcher.comments === 2);
  expect(watcher.left).toBeEmpty();
});

test("before the figures are first complete there are no results, unless they are final", async () => {
  stage.figures.asOfMs = null;
  const url = `${stage.server.url}/v1/contests/mayor/results`;
  for (const path of ["", "/stream"]) {
    const answer = await fetch(url + path);
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toMatch(/^[1-9]$/);
    expect(await answer.json()).toMatchObject({ code: "not_available" });
  }
  stage.contest = contestOf({ finalAtMs: NOW_MS, finalTally: votes({ 1: 1 }).get(FIRST)! });
  expect(await (await fetch(url)).json()).toMatchObject({ final: true, ballots: 1 });
});

test("viewers beyond the bound are refused, and come in when another one leaves", async () => {
  await stage[Symbol.asyncDispose]();
  stage = new Stage({ viewersMax: 2 });
  const first = await stage.watching();
  await stage.watching();
  const refused = await fetch(`${stage.server.url}/v1/contests/mayor/results/stream`);
  expect(refused.status).toBe(503);
  expect(refused.headers.get("retry-after")).toMatch(/^[1-9]$/);
  expect(await refused.json()).toMatchObject({ code: "not_available" });
  first.vanish();
  await eventually("the viewer is forgotten", () => stage.feed.viewers === 1);
  await stage.watching();
});

test("a viewer that vanishes is forgotten, and its hub with the last one", async () => {
  const [one, other] = [await stage.watching(), await stage.watching()];
  expect(stage.feed.viewers).toBe(2);
  one.vanish();
  await eventually("the first is forgotten", () => stage.feed.viewers === 1);
  await other[Symbol.asyncDispose]();
  await eventually("the other is forgotten", () => stage.feed.viewers === 0);
  expect(stage.feed.contestsWatched).toBe(0);
  expect(stage.feed.dropped).toEqual({ slow_viewer: 0, shutting_down: 0 });
});

function memoryMb(): number {
  Bun.gc(true);
  return process.memoryUsage.rss() / 2 ** 20;
}

test("a viewer that stalls is dropped with a reason, costs no memory, and holds nobody up", async () => {
  // Snapshots of 64 KB, so that what the kernel takes for a stalled reader, megabytes, is soon full.
  stage.contest = contestOf({
    options: Array.from({ length: 2_500 }, (_, i) => ({ number: i + 1, title: "" })),
  });
  const [stalled, vanished, reading] = [
    await stage.watching(),
    await stage.watching(),
    await stage.watching(),
  ];
  stalled.stall();
  vanished.stall();
  const before = memoryMb();
  const updates = 2_000;
  for (let i = 1; i <= updates; i++) {
    stage.vote({ 1: 1 });
    await stage.tickAfter(500);
    expect(await reading.next()).toMatchObject({ data: { turnout: i } });
    reading.body = "";
  }
  // All that was sent is 128 MB.
  expect(memoryMb() - before).toBeLessThan(64);
  expect(stage.feed.dropped.slow_viewer).toBe(2);
  expect(stage.feed.viewers).toBe(1);
  vanished.vanish();
  stalled.readOn();
  for (;;) {
    const { event, data } = await stalled.next();
    if (event !== "goodbye") continue;
    expect(data).toEqual({ reason: "slow_viewer" });
    break;
  }
  await expect(stalled.next()).rejects.toThrow("has ended");
});

test("on shutting down everybody is told goodbye, and nobody is let in", async () => {
  const watchers = [await stage.watching(), await stage.watching()];
  stage.feed.drain();
  for (const watcher of watchers) {
    expect(await watcher.next()).toMatchObject({ event: "goodbye", data: { reason: "shutting_down" } });
    await expect(watcher.next()).rejects.toThrow("has ended");
  }
  expect(stage.feed.viewers).toBe(0);
  expect(stage.feed.dropped.shutting_down).toBe(2);
  expect((await fetch(`${stage.server.url}/v1/contests/mayor/results/stream`)).status).toBe(503);
});

test("it runs by itself until the signal", async () => {
  const end = new AbortController();
  const running = stage.feed.run(end.signal);
  const watcher = await stage.watching();
  stage.vote({ 1: 1 });
  stage.clock.nowMs += 500;
  expect(await watcher.next()).toMatchObject({ data: { turnout: 1 } });
  end.abort();
  await running;
});

test("who comes while a snapshot is being sent to many gets it once", async () => {
  await stage[Symbol.asyncDispose]();
  stage = new Stage({ viewersMax: 1_000 });
  const open = () => stage.feed.openStream(stage.contest, new Request("http://urna/")).body!.getReader();
  const before = Array.from({ length: 501 }, open);
  stage.vote({ 1: 1 });
  const ticking = stage.tickAfter(500);
  const late = open();
  await ticking;
  stage.vote({ 1: 1 });
  await stage.tickAfter(500);
  const textOf = async () => Buffer.from((await late.read()).value!).toString();
  expect(await textOf()).toContain('"turnout":1,');
  expect(await textOf()).toContain('"turnout":2,');
  for (const reader of [...before, late]) await reader.cancel();
  expect(stage.feed.viewers).toBe(0);
});
