/** The administration calls: who may make them, what they take, what they answer, and that repeating them is safe. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import type { ContestAnswer } from "../../src/client/contract.ts";
import { expectProblem } from "../support/answers.ts";
import { eventually } from "../support/eventually.ts";
import { ADMIN_TOKEN, startTestGateway, type TestGateway } from "../support/test-gateway.ts";

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({ deadlineMs: 500 });
});
afterAll(async () => {
  expect(gateway.unexpected).toEqual([]);
  await gateway[Symbol.asyncDispose]();
});

const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();
const question = { title: "A question", method: "single-choice", options: ["A", "B"], allowBlank: false };
let ids = 0;
const freshId = () => `own-${++ids}`;

async function call<Answer = ContestAnswer>(path: string, body: unknown, status = 200): Promise<Answer> {
  const response = await gateway.administer(path, body);
  const answer = (await response.json()) as Answer;
  expect({ status: response.status, answer }).toEqual({ status, answer: expect.any(Object) });
  return answer;
}

async function createElection(): Promise<string> {
  const { id } = await call<{ id: string }>("/v1/elections", { title: "An election" }, 201);
  return id;
}

async function createContest(changes: object = {}): Promise<ContestAnswer> {
  return call(`/v1/elections/${await createElection()}/contests`, { ...question, ...changes }, 201);
}

const change = (contest: { id: string }, name: string, body: object = {}) =>
  call(`/v1/contests/${contest.id}/${name}`, body);
const refused = async (contest: { id: string }, name: string, body: object = {}) =>
  expectProblem(await gateway.administer(`/v1/contests/${contest.id}/${name}`, body), "contest_state");
const shown = async (contest: { id: string }) =>
  (await fetch(`${gateway.url}/v1/contests/${contest.id}`)).json() as Promise<ContestAnswer>;

describe("authorization", () => {
  test("every call needs the admin token, before anything else is looked at", async () => {
    const { id } = await createContest();
    const paths = ["/v1/elections", "/v1/elections/none/contests", "/v1/elections/none/voter-tokens"].concat(
      ["open", "close", "pause", "resume", "extend", "void"].map((name) => `/v1/contests/${id}/${name}`),
    );
    const wrong = [ADMIN_TOKEN.slice(0, -1), `${ADMIN_TOKEN}x`, ADMIN_TOKEN.toUpperCase(), ""];
    for (const path of paths) {
      for (const authorization of [
        null,
        ...wrong.map((token) => `Bearer ${token}`),
        `Basic ${ADMIN_TOKEN}`,
      ]) {
        const headers = authorization === null ? {} : { authorization };
        const response = await fetch(gateway.url + path, { method: "POST", headers, body: "[" });
        expect(response.headers.get("www-authenticate")).toBe('Bearer realm="urna-admin"');
        await expectProblem(response, "not_authorized");
      }
    }
    expect((await shown({ id })).state).toBe("draft");
  });

  test("a voter token is no admin token", async () => {
    const contest = await gateway.contest();
    const token = await gateway.token(contest, "voter-1");
    const response = await fetch(`${gateway.url}/v1/contests/${contest.id}/close`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
    });
    await expectProblem(response, "not_authorized");
  });
});

describe("elections", () => {
  test("without an id they get a uuid, a new one each time", async () => {
    const first = await call<{ id: string; uuid: string }>("/v1/elections", { title: " A  title " }, 201);
    expect(first).toEqual({
      id: first.uuid,
      uuid: expect.any(String),
      title: "A  title",
      allowedOrigins: [],
    } as never);
    expect(await createElection()).not.toBe(first.id);
  });

  test.each([freshId(), randomUUID()])(
    "with the id %s: the same call again returns the first",
    async (id) => {
      const election = {
        id,
        title: "Ours",
        allowedOrigins: ["https://show.example", "http://localhost:3000"],
      };
      const first = await call("/v1/elections", election, 201);
      expect(first).toMatchObject(election);
      const again = await Promise.all(Array.from({ length: 8 }, () => call("/v1/elections", election, 201)));
      for (const answer of again) expect(answer).toEqual(first);
      for (const other of [
        { title: "Theirs" },
        { allowedOrigins: [] },
        { allowedOrigins: ["https://show.example"] },
      ]) {
        await expectProblem(await gateway.administer("/v1/elections", { ...election, ...other }), "id_taken");
      }
    },
  );

  test("an id that is another election's uuid is taken", async () => {
    const election = { id: freshId(), title: "Ours" };
    const { uuid } = await call<{ uuid: string }>("/v1/elections", election, 201);
    await expectProblem(await gateway.administer("/v1/elections", { ...election, id: uuid }), "id_taken");
  });
});

describe("contests", () => {
  test("are drafts with numbered options, in the election of that id or uuid", async () => {
    const election = await call<{ id: string; uuid: string }>(
      "/v1/elections",
      { id: freshId(), title: "E" },
      201,
    );
    for (const name of [election.id, election.uuid]) {
      const contest = await call(`/v1/elections/${name}/contests`, { title: "Q", options: ["A", "B"] }, 201);
      expect(contest).toEqual({
        id: contest.uuid,
        uuid: expect.any(String),
        election: election.id,
        title: "Q",
        method: "single-choice",
        options: [
          { number: 1, title: "A" },
          { number: 2, title: "B" },
        ],
        allowBlank: false,
        resultsVisible: "live",
        opensAt: null,
        closesAt: null,
        state: "draft",
        paused: false,
        void: null,
      });
      expect(await shown(contest)).toEqual(contest);
      expect(await shown({ id: contest.uuid })).toEqual(contest);
    }
  });

  test.each([freshId(), randomUUID()])(
    "with the id %s: the same call again returns the first",
    async (id) => {
      const path = `/v1/elections/${await createElection()}/contests`;
      const contest = { ...question, id };
      const first = await call(path, contest, 201);
      const again = await Promise.all(Array.from({ length: 8 }, () => call(path, contest, 201)));
      for (const answer of again) expect(answer).toEqual(first);
      await change(first, "open");
      expect((await call(path, contest, 201)).state).toBe("open");
      for (const other of [
        { title: "Another" },
        { options: ["A"] },
        { options: ["B", "A"] },
        { options: ["A", "B", "C"] },
        { allowBlank: true },
        { resultsVisible: "final" },
      ]) {
        await expectProblem(await gateway.administer(path, { ...contest, ...other }), "id_taken");
      }
      const elsewhere = `/v1/elections/${await createElection()}/contests`;
      await expectProblem(await gateway.administer(elsewhere, contest), "id_taken");
    },
  );

  test("in an election that does not exist", async () => {
    for (const id of ["nowhere", randomUUID(), "%00", "%ff", "x".repeat(100)]) {
      const response = await gateway.administer(`/v1/elections/${id}/contests`, question);
      await expectProblem(response, "no_such_election");
    }
  });

  test("closing in the past is refused, but not the repetition of a call that was in time", async () => {
    const path = `/v1/elections/${await createElection()}/contests`;
    for (const closesAt of [inMs(-1), inMs(-100_000)]) {
      const response = await gateway.administer(path, { ...question, closesAt });
      expect(await expectProblem(response, "invalid_request")).toMatch(/^closesAt: .*past/);
    }
    const contest = { ...question, id: freshId(), opensAt: inMs(-1_000), closesAt: inMs(300) };
    const first = await call(path, contest, 201);
    await eventually("it has closed", async () => (await shown(first)).state === "closing");
    expect(await call(path, contest, 201)).toEqual({ ...first, state: "closing" });
  });
});

describe("bodies that are not the call's: invalid_request, with the field's name", () => {
  const long = "x".repeat(501);
  test.each<[string, string, object]>([
    ["/v1/elections", "title", {}],
    ["/v1/elections", "title", { title: "" }],
    ["/v1/elections", "title", { title: "  " }],
    ["/v1/elections", "title", { title: 7 }],
    ["/v1/elections", "title", { title: long }],
    ["/v1/elections", "title", { title: "half a pair \ud800" }],
    ["/v1/elections", "title", { title: "nul \0" }],
    ["/v1/elections", "id", { title: "A", id: "Upper" }],
    ["/v1/elections", "id", { title: "A", id: "" }],
    ["/v1/elections", "id", { title: "A", id: "-a" }],
    ["/v1/elections", "id", { title: "A", id: "a".repeat(65) }],
    ["/v1/elections", "id", { title: "A", id: "a\n" }],
    ["/v1/elections", "allowedOrigins.0", { title: "A", allowedOrigins: ["*"] }],
    ["/v1/elections", "allowedOrigins.0", { title: "A", allowedOrigins: ["https://show.example/"] }],
    ["/v1/elections", "allowedOrigins.1", { title: "A", allowedOrigins: ["https://a.example", "null"] }],
    ["/v1/elections", "pepper", { title: "A", pepper: "x" }],
    ["/v1/elections", "the body", []],
    ["contests", "title", { ...question, title: undefined }],
    ["contests", "method", { ...question, method: "approval" }],
    ["contests", "options", { ...question, options: undefined }],
    ["contests", "options", { ...question, options: [] }],
    ["contests", "options", { ...question, options: ["A", "A"] }],
    ["contests", "options", { ...question, options: ["A", " A "] }],
    ["contests", "options.1", { ...question, options: ["A", ""] }],
    ["contests", "options.1", { ...question, options: ["A", "nul \0"] }],
    ["contests", "options.1", { ...question, options: ["A", 2] }],
    ["contests", "options", { ...question, options: Array.from({ length: 1_001 }, (_, i) => `${i}`) }],
    ["contests", "allowBlank", { ...question, allowBlank: "yes" }],
    ["contests", "resultsVisible", { ...question, resultsVisible: "never" }],
    ["contests", "opensAt", { ...question, opensAt: "tomorrow" }],
    ["contests", "opensAt", { ...question, opensAt: "2026-05-09T20:00:00" }],
    ["contests", "closesAt", { ...question, closesAt: 1_700_000_000 }],
    ["contests", "closesAt", { ...question, opensAt: inMs(2_000), closesAt: inMs(1_000) }],
    ["contests", "state", { ...question, state: "open" }],
    ["voter-tokens", "voters", {}],
    ["voter-tokens", "voters", { voters: [] }],
    ["voter-tokens", "voters.1", { voters: ["a", ""] }],
    ["voter-tokens", "voters.0", { voters: [7] }],
    ["voter-tokens", "voters.0", { voters: ["half a pair \ud800"] }],
    ["voter-tokens", "voters.0", { voters: ["é".repeat(257)] }],
    ["voter-tokens", "expiresAt", { voters: ["a"], expiresAt: "never" }],
    ["voter-tokens", "expiresAt", { voters: ["a"], expiresAt: inMs(-1_000) }],
    ["voter-tokens", "expiresAt", { voters: ["a"], expiresAt: "2200-01-01T00:00:00Z" }],
    ["open", "at", { at: "now" }],
    ["extend", "closesAt", {}],
    ["extend", "closesAt", { closesAt: null }],
    ["void", "reason", {}],
    ["void", "reason", { reason: "" }],
    ["void", "reason", { reason: "nul \0" }],
  ])("%s: %s", async (name, field, body) => {
    const path = name.startsWith("/")
      ? name
      : name === "contests" || name === "voter-tokens"
        ? `/v1/elections/${await createElection()}/${name}`
        : `/v1/contests/${(await createContest()).id}/${name}`;
    expect(await expectProblem(await gateway.administer(path, body), "invalid_request")).toContain(field);
  });

  test("not JSON, of another type, too large, and none where one is needed", async () => {
    const send = (body: string | Uint8Array<ArrayBuffer> | null, contentType = "application/json") =>
      fetch(`${gateway.url}/v1/elections`, {
        method: "POST",
        headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": contentType },
        body,
      });
    await expectProblem(await send("{"), "malformed_json");
    await expectProblem(await send(new Uint8Array([0x7b, 0xff])), "malformed_json");
    await expectProblem(await send("{}", "text/plain"), "unsupported_media_type");
    await expectProblem(await send(`{"title":"${"x".repeat(70_000)}"}`), "payload_too_large");
    expect(await expectProblem(await send(null), "invalid_request")).toContain("title");
  });
});

describe.concurrent("the life of a contest", () => {
  test("open and close need no body", async () => {
    const contest = await createContest();
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

  test("of a contest that does not exist", async () => {
    for (const id of ["nowhere", randomUUID(), "%00", "%ff"]) {
      for (const name of ["open", "close", "pause", "resume"]) {
        await expectProblem(await gateway.administer(`/v1/contests/${id}/${name}`, {}), "no_such_contest");
      }
    }
  });

  test("opened at once, and opening again changes nothing", async () => {
    const contest = await createContest();
    const opened = await change(contest, "open");
    expect(opened).toMatchObject({ state: "open", closesAt: null });
    expect(Math.abs(Date.parse(opened.opensAt!) - Date.now())).toBeLessThan(2_000);
    expect(await change(contest, "open")).toEqual(opened);
    expect(await shown(contest)).toEqual(opened);
  });

  test("a scheduled one opens and closes by itself, and becomes final", async () => {
    const [opensAt, closesAt] = [inMs(400), inMs(900)];
    const contest = await createContest({ opensAt, closesAt });
    expect(contest).toMatchObject({ state: "scheduled", opensAt, closesAt });
    const states: string[] = ["scheduled"];
    await eventually("it is final", async () => {
      const { state } = await shown(contest);
      if (states.at(-1) !== state) states.push(state);
      return state === "final";
    });
    expect(states).toEqual(["scheduled", "open", "closing", "final"]);
  });

  test("a scheduled one may be opened sooner, but not when it is about to close", async () => {
    const scheduled = await createContest({ opensAt: inMs(60_000), closesAt: inMs(120_000) });
    expect((await change(scheduled, "open")).state).toBe("open");
    const brief = await createContest({ opensAt: inMs(1_000), closesAt: inMs(1_200) });
    expect(await refused(brief, "open")).toMatch(/about to close/);
  });

  test("closing is announced, idempotent, and nothing reopens", async () => {
    const contest = await createContest();
    expect(await refused(contest, "close")).toMatch(/not open yet/);
    await change(contest, "open");
    const beforeMs = Date.now();
    const closed = await change(contest, "close");
    // By the gateways' cache lifetime and what clocks may differ.
    expect(Date.parse(closed.closesAt!)).toBeWithin(beforeMs + 1_500, Date.now() + 1_501);
    expect(closed.state).toBe("open");
    expect(await change(contest, "close")).toEqual(closed);
    await eventually("it is closing", async () => (await shown(contest)).state === "closing");
    const cannot = async () => {
      expect(await refused(contest, "open")).toMatch(/nothing reopens/);
      expect(await refused(contest, "extend", { closesAt: inMs(60_000) })).toMatch(/nothing reopens/);
      await refused(contest, "pause");
      await refused(contest, "resume");
      expect((await change(contest, "close")).closesAt).toBe(closed.closesAt);
    };
    await cannot();
    await eventually("it is final", async () => (await shown(contest)).state === "final");
    await cannot();
  });

  test("a close moves a later scheduled close forward, never a sooner one back", async () => {
    const later = await createContest({ opensAt: inMs(-1_000), closesAt: inMs(60_000) });
    expect(Date.parse((await change(later, "close")).closesAt!)).toBeLessThan(Date.now() + 2_000);
    const sooner = await createContest({ opensAt: inMs(-1_000), closesAt: inMs(700) });
    expect((await change(sooner, "close")).closesAt).toBe(sooner.closesAt);
  });

  test("extend moves a close later, and only later", async () => {
    const contest = await createContest({ opensAt: inMs(-1_000), closesAt: inMs(30_000) });
    expect(await refused(contest, "extend", { closesAt: inMs(20_000) })).toMatch(/only be moved later/);
    expect(await refused(contest, "extend", { closesAt: inMs(-20_000) })).toMatch(/past/);
    const closesAt = inMs(40_000);
    expect((await change(contest, "extend", { closesAt })).closesAt).toBe(closesAt);
    expect((await change(contest, "extend", { closesAt })).closesAt).toBe(closesAt);
    const endless = await createContest();
    expect(await refused(endless, "extend", { closesAt })).toMatch(/no closing time/);
  });

  test("pause and resume, any number of times, only while open", async () => {
    const contest = await createContest();
    await refused(contest, "pause");
    await refused(contest, "resume");
    await change(contest, "open");
    for (const [name, paused] of [
      ["pause", true],
      ["pause", true],
      ["resume", false],
      ["resume", false],
    ] as const) {
      expect(await change(contest, name)).toMatchObject({ state: "open", paused });
    }
  });

  test.each<[string, object | null]>([
    ["a draft", {}],
    ["a scheduled one", { opensAt: inMs(60_000) }],
    ["a scheduled one with a close", { opensAt: inMs(60_000), closesAt: inMs(120_000) }],
    ["an open one", { opensAt: inMs(-1_000) }],
    ["one whose close has passed without its ever opening", null],
  ])("void with a reason: %s ends up final, and the first reason stands", async (_, times) => {
    const contest = await createContest(times ?? { closesAt: inMs(50) });
    if (times === null) await eventually("it closes", async () => (await shown(contest)).state === "closing");
    const reason = "an option was missing";
    const voided = await change(contest, "void", { reason });
    expect(voided.void).toEqual({ at: expect.any(String), reason });
    expect((await change(contest, "void", { reason: "another" })).void).toEqual(voided.void);
    await eventually("it is final", async () => (await shown(contest)).state === "final");
    expect((await shown(contest)).void).toEqual(voided.void);
  });

  test("a final contest may still be declared void", async () => {
    const contest = await createContest({ opensAt: inMs(-1_000), closesAt: inMs(100) });
    await eventually("it is final", async () => (await shown(contest)).state === "final");
    await change(contest, "void", { reason: "fraud" });
    await eventually("it is shown", async () => (await shown(contest)).void !== null);
    expect(await shown(contest)).toMatchObject({ state: "final", void: { reason: "fraud" } });
  });
});
