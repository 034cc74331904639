/** The administration calls: who may make them, what they take, what they answer, and that repeating them is safe. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { expectProblem } from "../support/answers.ts";
import { eventually } from "../support/eventually.ts";
import { ADMIN_TOKEN, startTestGateway, type TestGateway } from "../support/test-gateway.ts";
import { Administrator, inMs, QUESTION } from "./administrator.ts";

let gateway: TestGateway;
let administrator: Administrator;
beforeAll(async () => {
  gateway = await startTestGateway();
  administrator = new Administrator(gateway);
});
afterAll(async () => {
  expect(gateway.unexpected).toEqual([]);
  await gateway[Symbol.asyncDispose]();
});

let ids = 0;
const freshId = () => `own-${++ids}`;

/** What the validator says by itself; people are told in Urna's words. */
const VALIDATOR_WORDS = /Invalid|Unrecognized|Too (small|big)|expected|received/;

describe("authorization", () => {
  test("every call needs the admin token, before anything else is looked at", async () => {
    const { id } = await administrator.createContest();
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
    expect((await administrator.shown({ id })).state).toBe("draft");
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
    const first = await administrator.call<{ id: string; uuid: string }>(
      "/v1/elections",
      { title: " A  title " },
      201,
    );
    expect(first).toEqual({
      id: first.uuid,
      uuid: expect.any(String),
      title: "A  title",
      allowedOrigins: [],
      buffering: null,
    } as never);
    expect(await administrator.createElection()).not.toBe(first.id);
  });

  test.each([freshId(), randomUUID()])(
    "with the id %s: the same call again returns the first",
    async (id) => {
      const election = {
        id,
        title: "Ours",
        allowedOrigins: ["https://show.example", "http://localhost:3000"],
      };
      const first = await administrator.call("/v1/elections", election, 201);
      expect(first).toMatchObject(election);
      const again = await Promise.all(
        Array.from({ length: 8 }, () => administrator.call("/v1/elections", election, 201)),
      );
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
    const { uuid } = await administrator.call<{ uuid: string }>("/v1/elections", election, 201);
    await expectProblem(await gateway.administer("/v1/elections", { ...election, id: uuid }), "id_taken");
  });
});

describe("contests", () => {
  test("are drafts with numbered options, in the election of that id or uuid", async () => {
    const election = await administrator.call<{ id: string; uuid: string }>(
      "/v1/elections",
      { id: freshId(), title: "E" },
      201,
    );
    for (const name of [election.id, election.uuid]) {
      const contest = await administrator.call(
        `/v1/elections/${name}/contests`,
        { title: "Q", options: ["A", "B"] },
        201,
      );
      expect(contest).toEqual({
        id: contest.uuid,
        uuid: expect.any(String),
        election: election.id,
        buffered: false,
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
      expect(await administrator.shown(contest)).toEqual(contest);
      expect(await administrator.shown({ id: contest.uuid })).toEqual(contest);
    }
  });

  test.each([freshId(), randomUUID()])(
    "with the id %s: the same call again returns the first",
    async (id) => {
      const path = `/v1/elections/${await administrator.createElection()}/contests`;
      const contest = { ...QUESTION, id };
      const first = await administrator.call(path, contest, 201);
      const again = await Promise.all(
        Array.from({ length: 8 }, () => administrator.call(path, contest, 201)),
      );
      for (const answer of again) expect(answer).toEqual(first);
      await administrator.change(first, "open");
      expect((await administrator.call(path, contest, 201)).state).toBe("open");
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
      const elsewhere = `/v1/elections/${await administrator.createElection()}/contests`;
      await expectProblem(await gateway.administer(elsewhere, contest), "id_taken");
    },
  );

  test("in an election that does not exist", async () => {
    for (const id of ["nowhere", randomUUID(), "%00", "%ff", "x".repeat(100)]) {
      const response = await gateway.administer(`/v1/elections/${id}/contests`, QUESTION);
      await expectProblem(response, "no_such_election");
    }
  });

  test("closing in the past is refused, but not the repetition of a call that was in time", async () => {
    const path = `/v1/elections/${await administrator.createElection()}/contests`;
    for (const closesAt of [inMs(-1), inMs(-100_000)]) {
      const response = await gateway.administer(path, { ...QUESTION, closesAt });
      expect(await expectProblem(response, "invalid_request")).toMatch(/^closesAt: .*past/);
    }
    const contest = { ...QUESTION, id: freshId(), opensAt: inMs(-1_000), closesAt: inMs(700) };
    const first = await administrator.call(path, contest, 201);
    await eventually("it has closed", async () => (await administrator.shown(first)).state === "closing");
    expect(await administrator.call(path, contest, 201)).toEqual({ ...first, state: "closing" });
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
    ["contests", "title", { ...QUESTION, title: undefined }],
    ["contests", "method", { ...QUESTION, method: "approval" }],
    ["contests", "options", { ...QUESTION, options: undefined }],
    ["contests", "options", { ...QUESTION, options: [] }],
    ["contests", "options", { ...QUESTION, options: ["A", "A"] }],
    ["contests", "options", { ...QUESTION, options: ["A", " A "] }],
    ["contests", "options.1", { ...QUESTION, options: ["A", ""] }],
    ["contests", "options.1", { ...QUESTION, options: ["A", "nul \0"] }],
    ["contests", "options.1", { ...QUESTION, options: ["A", 2] }],
    ["contests", "options", { ...QUESTION, options: Array.from({ length: 1_001 }, (_, i) => `${i}`) }],
    ["contests", "allowBlank", { ...QUESTION, allowBlank: "yes" }],
    ["contests", "resultsVisible", { ...QUESTION, resultsVisible: "never" }],
    ["contests", "opensAt", { ...QUESTION, opensAt: "tomorrow" }],
    ["contests", "opensAt", { ...QUESTION, opensAt: "2026-05-09T20:00:00" }],
    ["contests", "closesAt", { ...QUESTION, closesAt: 1_700_000_000 }],
    ["contests", "closesAt", { ...QUESTION, opensAt: inMs(2_000), closesAt: inMs(1_000) }],
    ["contests", "state", { ...QUESTION, state: "open" }],
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
        ? `/v1/elections/${await administrator.createElection()}/${name}`
        : `/v1/contests/${(await administrator.createContest()).id}/${name}`;
    const told = await expectProblem(await gateway.administer(path, body), "invalid_request");
    expect(told).toContain(field);
    expect(told).not.toMatch(VALIDATOR_WORDS);
  });

  test("not JSON, of another type, too large, and none where one is needed", async () => {
    const send = (body: string | Uint8Array<ArrayBuffer> | null, contentType = "application/json") =>
      fetch(`${gateway.url}/v1/elections`, {
        method: "POST",
        headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": contentType },
        body,
      });
    expect(await expectProblem(await send("{"), "malformed_json")).toBe("the body must be JSON");
    await expectProblem(await send(new Uint8Array([0x7b, 0xff])), "malformed_json");
    await expectProblem(await send("{}", "text/plain"), "unsupported_media_type");
    await expectProblem(await send(`{"title":"${"x".repeat(70_000)}"}`), "payload_too_large");
    expect(await expectProblem(await send(null), "invalid_request")).toContain("title");
  });
});
