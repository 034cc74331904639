/** The life of a contest through the administration calls: when it opens, closes, and what is refused. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import type { ContestAnswer } from "../../src/election/answers.ts";
import { CLOSE_NOTICE_MS } from "../../src/roles/ledger.ts";
import { expectProblem } from "../support/answers.ts";
import { eventually } from "../support/eventually.ts";
import { ADMIN_TOKEN, startTestGateway, type TestGateway } from "../support/test-gateway.ts";
import { Administrator, inMs } from "./administrator.ts";

let gateway: TestGateway;
let administrator: Administrator;
beforeAll(async () => {
  gateway = await startTestGateway({ deadlineMs: 500 });
  administrator = new Administrator(gateway);
});
afterAll(async () => {
  expect(gateway.unexpected).toEqual([]);
  await gateway[Symbol.asyncDispose]();
});

test.concurrent("open and close need no body", async () => {
  const contest = await administrator.createContest();
  for (const [name, state] of [
    ["open", "open"],
    ["close", "open"],
  ]) {
    const response = await fetch(`${gateway.url}/v1/contests/${contest.id}/${name}`, {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    expect(response.status).toBe(200);
    expect(((await response.json()) as ContestAnswer).state).toBe(state as never);
  }
});

test.concurrent("of a contest that does not exist", async () => {
  for (const id of ["nowhere", randomUUID(), "%00", "%ff"]) {
    for (const name of ["open", "close", "pause", "resume"]) {
      await expectProblem(await gateway.administer(`/v1/contests/${id}/${name}`, {}), "no_such_contest");
    }
  }
});

test.concurrent("opened at once, and opening again changes nothing", async () => {
  const contest = await administrator.createContest();
  const opened = await administrator.change(contest, "open");
  expect(opened).toMatchObject({ state: "open", closesAt: null });
  expect(Math.abs(Date.parse(opened.opensAt!) - Date.now())).toBeLessThan(2_000);
  expect(await administrator.change(contest, "open")).toEqual(opened);
  expect(await administrator.shown(contest)).toEqual(opened);
});

test.concurrent("a scheduled one opens and closes by itself, and becomes final", async () => {
  const [opensAt, closesAt] = [inMs(1_000), inMs(1_500)];
  const contest = await administrator.createContest({ opensAt, closesAt });
  expect(contest).toMatchObject({ state: "scheduled", opensAt, closesAt });
  const states: string[] = ["scheduled"];
  await eventually("it is final", async () => {
    const { state } = await administrator.shown(contest);
    if (states.at(-1) !== state) states.push(state);
    return state === "final";
  });
  expect(states).toEqual(["scheduled", "open", "closing", "final"]);
});

test.concurrent("a scheduled one may be opened sooner, but not when it is about to close", async () => {
  const scheduled = await administrator.createContest({ opensAt: inMs(60_000), closesAt: inMs(120_000) });
  expect((await administrator.change(scheduled, "open")).state).toBe("open");
  const brief = await administrator.createContest({ opensAt: inMs(1_000), closesAt: inMs(1_200) });
  expect(await administrator.refused(brief, "open")).toMatch(/about to close/);
});

test.concurrent("closing is announced, idempotent, and nothing reopens", async () => {
  const contest = await administrator.createContest();
  expect(await administrator.refused(contest, "close")).toMatch(/not open yet/);
  await administrator.change(contest, "open");
  const beforeMs = Date.now();
  const closed = await administrator.change(contest, "close");
  // By the gateways' cache lifetime and what clocks may differ.
  expect(Date.parse(closed.closesAt!)).toBeWithin(
    beforeMs + CLOSE_NOTICE_MS,
    Date.now() + CLOSE_NOTICE_MS + 1,
  );
  expect(closed.state).toBe("open");
  expect(await administrator.change(contest, "close")).toEqual(closed);
  await eventually("it is closing", async () => (await administrator.shown(contest)).state === "closing");
  const cannot = async () => {
    expect(await administrator.refused(contest, "open")).toMatch(/nothing reopens/);
    expect(await administrator.refused(contest, "extend", { closesAt: inMs(60_000) })).toMatch(
      /nothing reopens/,
    );
    await administrator.refused(contest, "pause");
    await administrator.refused(contest, "resume");
    expect((await administrator.change(contest, "close")).closesAt).toBe(closed.closesAt);
  };
  await cannot();
  await eventually("it is final", async () => (await administrator.shown(contest)).state === "final");
  await cannot();
});

test.concurrent("a close moves a later scheduled close forward, never a sooner one back", async () => {
  const later = await administrator.createContest({ opensAt: inMs(-1_000), closesAt: inMs(60_000) });
  expect(Date.parse((await administrator.change(later, "close")).closesAt!)).toBeLessThan(
    Date.now() + CLOSE_NOTICE_MS + 1_000,
  );
  const sooner = await administrator.createContest({ opensAt: inMs(-1_000), closesAt: inMs(1_200) });
  expect((await administrator.change(sooner, "close")).closesAt).toBe(sooner.closesAt);
});

test.concurrent("extend moves a close later, and only later", async () => {
  const contest = await administrator.createContest({ opensAt: inMs(-1_000), closesAt: inMs(30_000) });
  expect(await administrator.refused(contest, "extend", { closesAt: inMs(20_000) })).toMatch(
    /only be moved later/,
  );
  expect(await administrator.refused(contest, "extend", { closesAt: inMs(-20_000) })).toMatch(/past/);
  const closesAt = inMs(40_000);
  expect((await administrator.change(contest, "extend", { closesAt })).closesAt).toBe(closesAt);
  expect((await administrator.change(contest, "extend", { closesAt })).closesAt).toBe(closesAt);
  const endless = await administrator.createContest();
  expect(await administrator.refused(endless, "extend", { closesAt })).toMatch(/no closing time/);
});

test.concurrent("pause and resume, any number of times, only while open", async () => {
  const contest = await administrator.createContest();
  await administrator.refused(contest, "pause");
  await administrator.refused(contest, "resume");
  await administrator.change(contest, "open");
  for (const [name, paused] of [
    ["pause", true],
    ["pause", true],
    ["resume", false],
    ["resume", false],
  ] as const) {
    expect(await administrator.change(contest, name)).toMatchObject({ state: "open", paused });
  }
});

test.concurrent.each<[string, object | null]>([
  ["a draft", {}],
  ["a scheduled one", { opensAt: inMs(60_000) }],
  ["a scheduled one with a close", { opensAt: inMs(60_000), closesAt: inMs(120_000) }],
  ["an open one", { opensAt: inMs(-1_000) }],
  ["one whose close has passed without its ever opening", null],
])("void with a reason: %s ends up final, and the first reason stands", async (_, times) => {
  const contest = await administrator.createContest(times ?? { closesAt: inMs(1_000) });
  if (times === null)
    await eventually("it closes", async () => (await administrator.shown(contest)).state === "closing");
  const reason = "an option was missing";
  const voided = await administrator.change(contest, "void", { reason });
  expect(voided.void).toEqual({ at: expect.any(String), reason });
  expect((await administrator.change(contest, "void", { reason: "another" })).void).toEqual(voided.void);
  await eventually("it is final", async () => (await administrator.shown(contest)).state === "final");
  expect((await administrator.shown(contest)).void).toEqual(voided.void);
});

test.concurrent("a final contest may still be declared void", async () => {
  const contest = await administrator.createContest({ opensAt: inMs(-1_000), closesAt: inMs(1_000) });
  await eventually("it is final", async () => (await administrator.shown(contest)).state === "final");
  await administrator.change(contest, "void", { reason: "fraud" });
  await eventually("it is shown", async () => (await administrator.shown(contest)).void !== null);
  expect(await administrator.shown(contest)).toMatchObject({ state: "final", void: { reason: "fraud" } });
});
