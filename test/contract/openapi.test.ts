/** The contract's document against the server: every route, every problem, and the shape of real answers. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { z } from "zod";
import { OPERATIONS } from "../../src/contract/operations.ts";
import { openLedgers } from "../../src/roles/further-ledgers.ts";
import { healthRoutes } from "../../src/roles/health.ts";
import { openResults } from "../../src/roles/results.ts";
import { createLog } from "../../src/runtime/log.ts";
import { PROBLEMS, type ProblemCode } from "../../src/runtime/problem.ts";
import { ADMIN_TOKEN, startTestGateway, type TestGateway } from "../support/test-gateway.ts";

type Content = Record<string, { schema: Record<string, unknown> }>;
type Document = {
  openapi: string;
  paths: Record<string, Record<string, { responses: Record<string, { content: Content }> }>>;
  components: { schemas: Record<string, Record<string, unknown>> };
};

let gateway: TestGateway;
let document: Document;
beforeAll(async () => {
  gateway = await startTestGateway();
  document = (await (await fetch(`${gateway.url}/openapi.json`)).json()) as Document;
});
afterAll(() => gateway[Symbol.asyncDispose]());

/** Bun's `:name` as OpenAPI's `{name}`. */
const braced = (path: string) => path.replaceAll(/:(\w+)/g, "{$1}");

test("every route of the roles is in the document, and the other way round", async () => {
  const { ledger, metrics } = gateway;
  await using opened = new AsyncDisposableStack();
  const log = createLog("text", "error");
  const ledgers = await openLedgers(opened, ledger, [], { roleName: "test", overrideGate: false, log });
  const results = openResults(opened, ledger, { ledgers, redis: null, log, metrics });
  const routes = [...gateway.routes, ...results.routes, ...healthRoutes(metrics, () => [])]
    .filter(({ method }) => method !== "OPTIONS")
    .map(({ method, path }) => `${method} ${braced(path)}`);
  const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(documented.sort()).toEqual(routes.sort());
  expect(documented).toHaveLength(OPERATIONS.length);
});

test("every problem is some call's, but for those of addresses and methods that are no call", () => {
  const listed = new Set<ProblemCode>(OPERATIONS.flatMap(({ problems }) => problems));
  const unlisted = (Object.keys(PROBLEMS) as ProblemCode[]).filter((code) => !listed.has(code));
  expect(unlisted.sort()).toEqual(["internal_error", "method_not_allowed", "no_such_page"]);
});

test("it is OpenAPI 3.1, and its references lead somewhere", () => {
  expect(document.openapi).toStartWith("3.1.");
  const text = JSON.stringify(document);
  const references = new Set(
    [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name!),
  );
  const names = Object.keys(document.components.schemas);
  expect([...references].filter((name) => !names.includes(name))).toEqual([]);
  expect(names.filter((name) => !references.has(name))).toEqual([]);
});

describe("what is answered is what the document says", () => {
  /** The schema of a response, as a check. */
  function checkOf(path: string, method: string, response: Response): z.ZodType {
    const content = document.paths[path]?.[method]?.responses[response.status]?.content;
    const type = response.headers.get("content-type")!;
    const schema = content?.[type]?.schema;
    if (schema === undefined)
      throw new Error(`${method} ${path}: ${response.status} ${type} is not documented`);
    const $defs = JSON.parse(
      JSON.stringify(document.components.schemas).replaceAll("#/components/schemas/", "#/$defs/"),
    );
    const local = JSON.parse(JSON.stringify(schema).replaceAll("#/components/schemas/", "#/$defs/"));
    return z.fromJSONSchema({ ...local, $defs });
  }

  async function call(path: string, method: "get" | "post", ids: object, token?: string, body?: unknown) {
    const filled = Object.entries(ids).reduce((text, [name, id]) => text.replace(`{${name}}`, id), path);
    const response = await fetch(gateway.url + filled, {
      method: method.toUpperCase(),
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as Record<string, string>;
    const checked = checkOf(path, method, response).safeParse(answer);
    expect({ path, answer, faults: checked.error?.issues ?? [] }).toEqual({ path, answer, faults: [] });
    return { status: response.status, answer };
  }

  test("through the life of an election", async () => {
    const admin = (path: string, ids: object, body: unknown) => call(path, "post", ids, ADMIN_TOKEN, body);
    const { answer: election } = await admin("/v1/elections", {}, { title: "An election" });
    const inElection = { election: election.id };
    const { answer: contest } = await admin("/v1/elections/{election}/contests", inElection, {
      title: "Q",
      options: ["A", "B"],
      opensAt: new Date().toISOString(),
      closesAt: new Date(Date.now() + 60_000).toISOString(),
    });
    const { answer: minted } = await admin("/v1/elections/{election}/voter-tokens", inElection, {
      voters: ["a"],
    });
    const token = minted.tokens![0]!;
    const ids = { contest: contest.id };
    const voter = (method: "get" | "post", path: string, body?: unknown) =>
      call(path, method, ids, token, body);
    const statuses = [
      await voter("get", "/v1/contests/{contest}/ballot"),
      await voter("post", "/v1/contests/{contest}/ballots", { selections: [3] }),
      await voter("post", "/v1/contests/{contest}/ballots", { selections: [2] }),
      await voter("post", "/v1/contests/{contest}/ballots", { selections: [2] }),
      await voter("post", "/v1/contests/{contest}/ballots", { selections: [1] }),
      await voter("get", "/v1/contests/{contest}/ballot"),
      await voter("get", "/v1/contests/{contest}"),
      await voter("get", "/v1/contests"),
      await call("/v1/contests/{contest}/ballots", "post", ids, "no token", {}),
      await call("/v1/contests/{contest}", "get", { contest: "nowhere" }),
      await admin("/v1/contests/{contest}/pause", ids, {}),
      await admin("/v1/contests/{contest}/resume", ids, {}),
      await admin("/v1/contests/{contest}/extend", ids, { closesAt: contest.closesAt }),
      await admin("/v1/contests/{contest}/extend", ids, {}),
      await admin("/v1/contests/{contest}/void", ids, { reason: "over" }),
      await admin("/v1/contests/{contest}/close", ids, {}),
      await call("/v1/contests/{contest}/open", "post", ids, "no token", {}),
    ].map(({ status }) => status);
    expect(statuses).toEqual([
      404, 422, 201, 200, 409, 200, 200, 200, 401, 404, 200, 200, 200, 422, 200, 200, 401,
    ]);
  });

  test("and what it says may be sent is what is taken", () => {
    const { schemas } = document.components;
    const sendable = z.fromJSONSchema(schemas.NewContest!);
    expect(sendable.safeParse({ title: "Q", options: ["A"] }).success).toBe(true);
    expect(sendable.safeParse({ title: "Q", options: [] }).success).toBe(false);
    const ballot = z.fromJSONSchema(schemas.Ballot!);
    expect(ballot.safeParse({ selections: [1], nonce: "A".repeat(22) }).success).toBe(true);
    expect(ballot.safeParse({ selections: [0] }).success).toBe(false);
  });
});
