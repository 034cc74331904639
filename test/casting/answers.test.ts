/** The answers to casting and finding a ballot: retries, receipts, the order of the checks, too many requests. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Contest } from "../../src/election/contest.ts";
import { encodeSelections } from "../../src/election/selections.ts";
import { ballotLeaf } from "../../src/ledger/leaf.ts";
import { uuidToBytes } from "../../src/ledger/uuid.ts";
import { expectProblem, expectReceipt } from "../support/answers.ts";
import { startTestGateway, type TestGateway } from "../support/test-gateway.ts";

const nonce = Buffer.alloc(16, 7).toString("base64url");
const otherNonce = Buffer.alloc(16, 8).toString("base64url");

let gateway: TestGateway;
let contest: Contest;
beforeAll(async () => {
  gateway = await startTestGateway();
  contest = await gateway.contest({ allowBlank: true });
});
afterAll(async () => {
  expect(gateway.unexpected).toEqual([]);
  await gateway[Symbol.asyncDispose]();
});

describe("receipts", () => {
  test("are the same field for field in 201, 200 and GET ballot, by id and by uuid", async () => {
    const token = await gateway.token(contest, "voter-1");
    const first = await gateway.cast(contest.id, token, { selections: [3], nonce });
    expect(first.headers.get("content-type")).toBe("application/json");
    expect(first.headers.get("cache-control")).toBe("no-store");
    const receipt = await expectReceipt(first, 201);
    const leaf = ballotLeaf(
      uuidToBytes(contest.uuid),
      encodeSelections([3]),
      Buffer.from(nonce, "base64url"),
    );
    expect(receipt).toEqual({
      contest: contest.uuid,
      leaf: leaf.toString("base64url"),
      nonce,
      selections: [3],
      stream: expect.any(Number),
      seq: expect.any(Number),
      index: expect.any(Number),
      recordedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
    for (const id of [contest.id, contest.uuid]) {
      const again = await gateway.cast(id, token, { selections: [3], nonce });
      expect(await expectReceipt(again, 200)).toEqual(receipt);
      expect(await expectReceipt(await gateway.find(id, token), 200)).toEqual(receipt);
    }
  });

  test("the gateway draws a nonce where the voter sends none, another one for each", async () => {
    const receipts = await Promise.all(
      ["voter-2", "voter-3"].map(async (voter) =>
        expectReceipt(
          await gateway.cast(contest.id, await gateway.token(contest, voter), { selections: [1] }),
          201,
        ),
      ),
    );
    expect(new Set(receipts.map((receipt) => receipt.nonce)).size).toBe(2);
    for (const receipt of receipts) expect(Buffer.from(receipt.nonce, "base64url")).toHaveLength(16);
  });

  test("of a blank ballot", async () => {
    const token = await gateway.token(contest, "voter-blank");
    const receipt = await expectReceipt(await gateway.cast(contest.id, token, { selections: [] }), 201);
    expect(receipt.selections).toEqual([]);
    expect(await expectReceipt(await gateway.cast(contest.id, token, { selections: [] }), 200)).toEqual(
      receipt,
    );
    await expectProblem(await gateway.cast(contest.id, token, { selections: [1] }), "already_voted");
  });
});

describe("a voter who is recorded already", () => {
  const recorded = { selections: [2], nonce };
  test.each<[string, object, "repeated" | "already_voted"]>([
    ["the same selections and nonce", recorded, "repeated"],
    ["the same selections, no nonce", { selections: [2] }, "repeated"],
    ["the same selections, another nonce", { selections: [2], nonce: otherNonce }, "already_voted"],
    ["other selections, the same nonce", { selections: [1], nonce }, "already_voted"],
    ["other selections, no nonce", { selections: [1] }, "already_voted"],
    ["a blank ballot", { selections: [], nonce }, "already_voted"],
  ])("casts %s", async (name, ballot, expected) => {
    const token = await gateway.token(contest, `again ${name}`);
    const receipt = await expectReceipt(await gateway.cast(contest.id, token, recorded), 201);
    const answer = await gateway.cast(contest.id, token, ballot);
    if (expected === "repeated") expect(await expectReceipt(answer, 200)).toEqual(receipt);
    // What was recorded is not told to whoever does not know it.
    else expect(await expectProblem(answer, "already_voted")).not.toMatch(/2|option/);
    expect(await expectReceipt(await gateway.find(contest.id, token), 200)).toEqual(receipt);
  });

  test("different ballots at the same moment: one is recorded, the others are told of it", async () => {
    const token = await gateway.token(contest, "voter-in-two-minds");
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, i) => gateway.cast(contest.id, token, { selections: [1 + (i % 3)] })),
    );
    const bodies = await Promise.all(answers.map((answer) => answer.json()));
    const winner = await expectReceipt(await gateway.find(contest.id, token), 200);
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    bodies.forEach((body, i) => {
      if (1 + (i % 3) === winner.selections[0]) expect(body).toEqual({ status: "recorded", receipt: winner });
      else expect([answers[i]!.status, body.code]).toEqual([409, "already_voted"]);
    });
  });

  test("in one contest may still vote in another of the same election", async () => {
    const sibling = await gateway.administration.createContest(contest.electionId, {
      title: "Another question",
      method: "single-choice",
      options: ["Yes", "No"],
      allowBlank: false,
      resultsVisible: "live",
      opensAtMs: Date.now(),
      closesAtMs: null,
    });
    const token = await gateway.token(contest, "voter-of-both");
    await expectReceipt(await gateway.cast(contest.id, token, { selections: [2] }), 201);
    await expectReceipt(await gateway.cast(sibling.id, token, { selections: [1] }), 201);
  });
});

describe("no such ballot, no such contest", () => {
  test("GET ballot of a voter without one", async () => {
    const token = await gateway.token(contest, "voter-without-ballot");
    await expectProblem(await gateway.find(contest.id, token), "no_such_ballot");
  });

  test.each([
    "nowhere",
    "00000000-0000-4000-8000-000000000000",
    "%00",
    "a%00b",
    "%ff",
    "..%2f..",
    "UPPER",
    "x".repeat(65),
    "'; DROP TABLE ballots; --",
  ])("contest %p", async (id) => {
    const token = await gateway.token(contest, "voter-lost");
    const path = id.includes("%") ? id : encodeURIComponent(id);
    await expectProblem(await gateway.cast(path, token, { selections: [1] }), "no_such_contest");
    await expectProblem(await gateway.find(path, token), "no_such_contest");
    await expectProblem(await fetch(`${gateway.url}/v1/contests/${path}`), "no_such_contest");
  });

  test("an id that can't be one does not spoil the look-up of those who ask at the same moment", async () => {
    const drafts = await Promise.all([gateway.draft(), gateway.draft(), gateway.draft()]);
    const answers = await Promise.all(
      drafts.flatMap(({ id }) => [
        fetch(`${gateway.url}/v1/contests/%00`),
        fetch(`${gateway.url}/v1/contests/${id}`),
      ]),
    );
    expect(answers.map(({ status }) => status)).toEqual([404, 200, 404, 200, 404, 200]);
  });
});

describe("the order of the checks", () => {
  const castRaw = (id: string, token: string | null, body: string, contentType = "application/json") =>
    fetch(`${gateway.url}/v1/contests/${id}/ballots`, {
      method: "POST",
      headers: {
        "content-type": contentType,
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      },
      body,
    });

  test("token, contest, election, body, the ledger's row, the contest's state", async () => {
    const draft = await gateway.draft();
    const stranger = await gateway.token(contest, "voter-order");
    const own = await gateway.token(draft, "voter-order");
    await expectProblem(await castRaw("nowhere", "no token", "[", "text/plain"), "invalid_token");
    await expectProblem(await castRaw("nowhere", stranger, "[", "text/plain"), "no_such_contest");
    await expectProblem(await castRaw(draft.id, stranger, "[", "text/plain"), "wrong_election");
    await expectProblem(await castRaw(draft.id, own, "[", "text/plain"), "unsupported_media_type");
    await expectProblem(await castRaw(draft.id, own, "["), "malformed_json");
    await expectProblem(await castRaw(draft.id, own, "{}"), "invalid_ballot");
    await expectProblem(await castRaw(draft.id, own, '{"selections":[1]}'), "contest_not_open");
  });

  test("the body comes before the row: a voter who is recorded learns of a faulty ballot", async () => {
    const token = await gateway.token(contest, "voter-of-a-faulty-ballot");
    await expectReceipt(await gateway.cast(contest.id, token, { selections: [1] }), 201);
    await expectProblem(await gateway.cast(contest.id, token, { selections: [9] }), "invalid_ballot");
  });
});

describe("a voter who asks too often", () => {
  /** Asks until told to wait; the limit counts in windows, and one may end on the way. */
  async function untilRefused(ask: () => Promise<Response>): Promise<Response[]> {
    const answers: Response[] = [];
    while (answers.length < 7_000) {
      answers.push(...(await Promise.all(Array.from({ length: 250 }, ask))));
      if (answers.some(({ status }) => status === 429)) return answers;
    }
    throw new Error("never refused");
  }

  test("by casting is told to wait, and is recorded once; others are not refused", async () => {
    const token = await gateway.token(contest, "voter-of-many-requests");
    const answers = await untilRefused(() => gateway.cast(contest.id, token, { selections: [1] }));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status !== 429).length).toBeGreaterThanOrEqual(2_000);
    await expectProblem(answers.find(({ status }) => status === 429)!, "too_many_requests");
    const other = await gateway.token(contest, "voter-of-one-request");
    await expectReceipt(await gateway.cast(contest.id, other, { selections: [1] }), 201);
  });

  test("by looking for the own ballot is told to wait", async () => {
    const token = await gateway.token(contest, "voter-of-many-look-ups");
    const answers = await untilRefused(() => gateway.find(contest.id, token));
    await expectProblem(answers.find(({ status }) => status === 429)!, "too_many_requests");
  });
});
