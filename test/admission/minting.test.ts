/** Minting voter tokens over HTTP: order, bounds, one voter key a voter, and never with another pepper. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { drawSecret } from "../../src/admission/secrets.ts";
import { drawSecrets } from "../../src/admission/secrets-file.ts";
import { EXPIRES_AT_MS_MAX, readVoterToken } from "../../src/admission/voter-token.ts";
import type { Contest } from "../../src/election/contest.ts";
import { expectProblem, expectReceipt } from "../support/answers.ts";
import { startTestGateway, type TestGateway } from "../support/test-gateway.ts";

const secretsText = drawSecrets();
let gateway: TestGateway;
let contest: Contest;
beforeAll(async () => {
  gateway = await startTestGateway({ secretsText });
  contest = await gateway.contest();
});
afterAll(() => gateway[Symbol.asyncDispose]());

async function mint(
  voters: string[],
  expiresAt?: string,
  electionId = contest.electionId,
): Promise<string[]> {
  const response = await gateway.administer(`/v1/elections/${electionId}/voter-tokens`, {
    voters,
    expiresAt,
  });
  expect(response.status).toBe(200);
  return ((await response.json()) as { tokens: string[] }).tokens;
}

const claimsOf = (token: string) => readVoterToken(gateway.secrets.tokenKeys, token)!;

test("10,000 in one call, in the same order; 10,001 are refused", async () => {
  const voters = Array.from({ length: 10_000 }, (_, i) => `voter-${i}`);
  const tokens = await mint(voters);
  expect(tokens).toHaveLength(10_000);
  expect(new Set(tokens.map((token) => claimsOf(token).voterKey)).size).toBe(10_000);
  for (const at of [0, 1, 4_999, 9_999]) {
    const [alone] = await mint([voters[at]!]);
    expect(claimsOf(tokens[at]!).voterKey).toBe(claimsOf(alone!).voterKey);
  }
  const path = `/v1/elections/${contest.electionId}/voter-tokens`;
  const refusal = await gateway.administer(path, { voters: [...voters, "one more"] });
  expect(await expectProblem(refusal, "invalid_request")).toContain("voters");
});

test("10,000 ids as long as they may be fit into one call", async () => {
  const voters = Array.from({ length: 10_000 }, (_, i) => `${i}`.padEnd(512, "x"));
  expect(await mint(voters)).toHaveLength(10_000);
});

test("the same voter has the same voter key in every call, another one in another election", async () => {
  const [first, second] = await mint(["voter-1", "voter-1"]);
  const [third] = await mint(["voter-1"], new Date(Date.now() + 5_000_000).toISOString());
  const keys = [first, second, third].map((token) => claimsOf(token!).voterKey);
  expect(new Set(keys).size).toBe(1);
  const [elsewhere] = await mint(["voter-1"], undefined, (await gateway.contest()).electionId);
  expect(claimsOf(elsewhere!).voterKey).not.toBe(keys[0]);
});

test("voter ids are taken byte for byte: no trimming, no folding, no normalising", async () => {
  const ids = ["Ana", "ana", " ana", "ana ", "\u00e9", "e\u0301", "ana\0", "\u{1f5f3}", "\ufffd"];
  const tokens = await mint(ids);
  expect(new Set(tokens.map((token) => claimsOf(token).voterKey)).size).toBe(ids.length);
});

test("bytes that are no UTF-8 are refused: replaced, two voters could become one", async () => {
  const path = `${gateway.url}/v1/elections/${contest.electionId}/voter-tokens`;
  for (const byte of [0xff, 0xc3]) {
    const body = Buffer.concat([Buffer.from('{"voters":["'), Buffer.from([byte]), Buffer.from('"]}')]);
    const response = await fetch(path, {
      method: "POST",
      headers: { authorization: "Bearer an-admin-token-for-tests", "content-type": "application/json" },
      body: new Uint8Array(body),
    });
    await expectProblem(response, "malformed_json");
  }
});

test("expiry: as asked for, to the second, up to the last one that a token can name; otherwise 30 days", async () => {
  const expiresAtMs = Math.floor(Date.now() / 1000) * 1000 + 90_000;
  const [token] = await mint(["voter-1"], new Date(expiresAtMs).toISOString());
  expect(claimsOf(token!).expiresAtMs).toBe(expiresAtMs);
  const [last] = await mint(["voter-1"], new Date(EXPIRES_AT_MS_MAX).toISOString());
  expect(claimsOf(last!).expiresAtMs).toBe(EXPIRES_AT_MS_MAX);
  const [lasting] = await mint(["voter-1"]);
  expect(claimsOf(lasting!).expiresAtMs).toBeWithin(Date.now() + 2_591_990_000, Date.now() + 2_592_000_001);
});

test("an election that does not exist", async () => {
  for (const id of ["nowhere", "%00"]) {
    const response = await gateway.administer(`/v1/elections/${id}/voter-tokens`, { voters: ["a"] });
    await expectProblem(response, "no_such_election");
  }
});

test("with another pepper: wrong_pepper, and the elections are named; with another token key all is well", async () => {
  const { databaseUrl } = gateway;
  const [token] = await mint(["voter-of-one-key"]);
  await expectReceipt(await gateway.cast(contest.id, token!, { selections: [1] }), 201);
  const path = `/v1/elections/${contest.electionId}/voter-tokens`;

  await using other = await startTestGateway({
    databaseUrl,
    secretsText: { ...secretsText, pepper: drawSecret() },
  });
  await expectProblem(await other.administer(path, { voters: ["voter-of-one-key"] }), "wrong_pepper");
  const others = await other.administration.electionsOfAnotherPepper();
  expect(others.map(({ id }) => id)).toContain(contest.electionId);
  const own = await other.contest();
  expect((await other.token(own, "voter-1")).length).toBe(76);

  await using rekeyed = await startTestGateway({
    databaseUrl,
    secretsText: { ...secretsText, tokenKeys: [drawSecret()] },
  });
  expect((await rekeyed.administer(path, { voters: ["voter-of-one-key"] })).status).toBe(200);
  expect((await rekeyed.administration.electionsOfAnotherPepper()).map(({ id }) => id)).not.toContain(
    contest.electionId,
  );
});
